"""`gitopsd cluster`: the daemon's clusters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.listing import Listing
from gitopsd.cli.output import data, lines, write
from gitopsd.cli.params import ListOutput, Output, Socket, SocketOf
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, sequence, string_map, text

_WIDTH = 14

cluster = typer.Typer(help="The daemon's clusters: list and look at them.", invoke_without_command=True)


@cluster.callback()
def _cluster(context: typer.Context) -> None:
    help_alone(context)


@cluster.command("list")
def list_clusters(*, output: ListOutput = None, socket: Socket = "", config: SocketOf = "") -> None:
    """List clusters, and whether their API servers answer."""
    Listing(
        "/clusters",
        ("NAME", "SERVER", "VERSION", "STATUS", "APPS", "OBJECTS"),
        ("SINCE", "NAMESPACES", "PROJECT", "WRITTEN AT"),
        "MESSAGE",
        _row,
        "no clusters",
    ).show(output, socket, config)


@cluster.command("get")
def get(
    name: Annotated[str, typer.Argument(help="The cluster's name, or its URL.", metavar="NAME")],
    *,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show one cluster: its connection, and the kinds that are watched there."""
    found = Api(find_socket(socket, config, os.environ)).get(f"/clusters/{_in_path(name)}").body
    if output is not None:
        data(found, output)
        return
    lines(f"{label + ':':{_WIDTH}}{said}" for label, said in _header(found) if said)
    kinds = objects(found, "kinds")
    if kinds:
        write("\n")
        table(["KIND", "VERSION", "KEPT", "SEEN"], [_kind(each) for each in kinds])
    errors = [str(error) for each in kinds for error in sequence(each, "errors")]
    if errors:
        lines(["", "Cannot be read now:", *(f"  {error}" for error in errors)])


def _in_path(name: str) -> str:
    """Twice, for a slash: the first round is undone before the path is taken apart."""
    return quote(quote(name, safe="") if "/" in name else name, safe="")


def _row(item: JsonObject, wide: bool) -> list[str]:
    row = [text(item, key) or "-" for key in ("name", "server", "serverVersion")]
    row.append(text(item, "connectionState", "status"))
    row += [str(integer(item, key)) for key in ("applications", "objects")]
    if wide:
        row.append(text(item, "connectionState", "since") or "-")
        row.append(_namespaces(item))
        row += [text(item, key) or "-" for key in ("project", "writtenAt")]
    return [*row, text(item, "connectionState", "message") or _failing(item)]


def _failing(item: JsonObject) -> str:
    unreadable = text(item, "unreadable")
    return f"{unreadable}: gitopsd cluster get {text(item, 'name')} says why" if unreadable else ""


def _header(found: JsonObject) -> Iterator[tuple[str, str]]:
    connection = mapping(found, "connectionState")
    message, since = text(connection, "message"), text(connection, "since")
    yield "Name", text(found, "name")
    yield "Server", text(found, "server")
    yield "Version", text(found, "serverVersion")
    yield "Status", text(connection, "status") + (f" since {since}" if since else "")
    yield "Message", message
    yield "Applications", str(integer(found, "applications"))
    kinds = len(objects(found, "kinds"))
    yield "Objects", f"{integer(found, 'objects')} of {kinds} kind{'' if kinds == 1 else 's'}"
    yield "API kinds", str(integer(found, "apiResources"))
    yield "Namespaces", _namespaces(found)
    yield "Labels", ", ".join(f"{key}={each}" for key, each in sorted(string_map(found, "labels").items()))
    yield "Project", text(found, "project")
    yield "Defined in", text(found, "writtenAt")


def _namespaces(item: JsonObject) -> str:
    namespaces = ",".join(map(str, sequence(item, "namespaces"))) or "all"
    return namespaces if boolean(item, "clusterResources") else f"{namespaces} (and nothing outside of them)"


def _kind(item: JsonObject) -> list[str]:
    group = text(item, "group")
    kind = f"{group}/{text(item, 'kind')}" if group else text(item, "kind")
    return [kind, text(item, "version"), str(integer(item, "kept")), str(integer(item, "seen"))]
