"""`gitopsd repo`: the daemon's repositories."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import ListFormat, data, note
from gitopsd.cli.params import Socket, SocketOf
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, objects, text

repo = typer.Typer(help="The daemon's repositories: list them.", invoke_without_command=True)


@repo.callback()
def _repo(context: typer.Context) -> None:
    help_alone(context)


@repo.command("list")
def list_repositories(
    *,
    output: Annotated[
        ListFormat | None, typer.Option("-o", "--output", help="A wider table, or JSON or YAML for programs.")
    ] = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """List repositories that are configured or in use, and whether they can be reached."""
    items = objects(Api(find_socket(socket, config, os.environ)).get("/repositories").body, "items")
    if output is not None and output is not ListFormat.WIDE:
        data(items, output)
        return
    if not items:
        note("no repositories")
        return
    wide = output is ListFormat.WIDE
    columns = ["TYPE", "NAME", "REPO", "PROJECT", "CREDS", "STATUS"]
    table(
        [*columns, *(["ATTEMPTED", "TEMPLATE", "WRITTEN AT"] if wide else []), "MESSAGE"],
        [_row(item, wide=wide) for item in items],
    )


def _row(item: JsonObject, *, wide: bool) -> list[str]:
    row = [text(item, key) or "-" for key in ("type", "name", "repo", "project", "credentials")]
    row.append(text(item, "connectionState", "status"))
    if wide:
        row.append(text(item, "connectionState", "attemptedAt") or "-")
        row += [text(item, key) or "-" for key in ("inheritedFrom", "writtenAt")]
    return [*row, text(item, "connectionState", "message")]
