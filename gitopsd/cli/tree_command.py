"""`gitopsd tree`: an application's objects, and what is below them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import ListFormat, data, note, warn
from gitopsd.cli.params import Socket, SocketOf
from gitopsd.cli.tree_drawing import Wanted, draw
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.jsonvalue import objects, text


def tree(
    name: Name,
    *,
    kind: Annotated[
        list[str] | None,
        typer.Option("-k", "--kind", metavar="KIND", help="These kinds only, and what is above; may be repeated."),
    ] = None,
    health: Annotated[
        list[HealthStatus] | None,
        typer.Option(metavar="CODE", case_sensitive=False, help="In this health only, and what is above; repeatable."),
    ] = None,
    output: Annotated[
        ListFormat | None, typer.Option("-o", "--output", help="A wider drawing, or JSON or YAML for programs.")
    ] = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show an application's objects as a tree: what it manages, and below each what controllers made of it.

    SYNC says whether an object is as git wants it, HEALTH how it is doing; what has no SYNC is not from git.
    """
    api = Api(find_socket(socket, config, os.environ))
    with about(name):
        found = api.get(f"{application_route(name)}/resource-tree").body
    wanted = Wanted(frozenset(each.casefold() for each in kind or ()), frozenset(code.value for code in health or ()))
    if output is not None and output is not ListFormat.WIDE:
        data(found if not (kind or health) else {**found, "nodes": wanted.of(objects(found, "nodes"))}, output)
        return
    if not draw(name, found, wanted, wide=output is ListFormat.WIDE):
        note("nothing matches" if kind or health else "no objects")
    for each in objects(found, "unreadable"):
        group = text(each, "group")
        missing = f"{group}/{text(each, 'kind')}" if group else text(each, "kind")
        warn(f"{missing} is missing from the tree: {text(each, 'reason')}")
