"""`gitopsd repo`: the daemon's repositories."""

from __future__ import annotations

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.listing import Listing
from gitopsd.cli.params import ListOutput, Socket, SocketOf
from gitopsd.core.jsonvalue import JsonObject, text

repo = typer.Typer(help="The daemon's repositories: list them.", invoke_without_command=True)


@repo.callback()
def _repo(context: typer.Context) -> None:
    help_alone(context)


@repo.command("list")
def list_repositories(*, output: ListOutput = None, socket: Socket = "", config: SocketOf = "") -> None:
    """List repositories that are configured or in use, and whether they can be reached."""
    Listing(
        "/repositories",
        ("TYPE", "NAME", "REPO", "PROJECT", "CREDS", "STATUS"),
        ("ATTEMPTED", "TEMPLATE", "WRITTEN AT"),
        "MESSAGE",
        _row,
        "no repositories",
    ).show(output, socket, config)


def _row(item: JsonObject, wide: bool) -> list[str]:
    row = [text(item, key) or "-" for key in ("type", "name", "repo", "project", "credentials")]
    row.append(text(item, "connectionState", "status"))
    if wide:
        row.append(text(item, "connectionState", "attemptedAt") or "-")
        row += [text(item, key) or "-" for key in ("inheritedFrom", "writtenAt")]
    return [*row, text(item, "connectionState", "message")]
