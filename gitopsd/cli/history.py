"""`gitopsd app history` and `app unpin`: what was deployed before, and following git again."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.duration import shown_time
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import DaemonError
from gitopsd.cli.output import Format, data, lines, note, write
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.summary import revisions_of
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, text, value


def history(
    name: Name,
    *,
    entry: Annotated[
        int | None, typer.Option("--id", metavar="ID", min=0, help="This entry only.", show_default=False)
    ] = None,
    manifests: Annotated[bool, typer.Option("--manifests", help="With --id: what it deployed, as YAML.")] = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """List what was deployed, oldest first; `app rollback NAME ID` brings an entry back.

    HEALTHY is when the application was first Healthy with it. Values of Secrets are never shown.

    \b
    Examples:
      gitopsd app history shop
      gitopsd app history shop --id 3 --manifests
    """
    if manifests and entry is None:
        raise typer.BadParameter("--manifests needs --id: whose manifests?", param_hint="'--manifests'")
    api = Api(find_socket(socket, config, os.environ))
    with about(name):
        if manifests:
            _manifests(api.get(f"{application_route(name)}/history/{entry}/manifests").body, output)
            return
        found = api.get(f"{application_route(name)}/history").body
    items = [each for each in objects(found, "items") if entry is None or integer(each, "id") == entry]
    if entry is not None and not items:
        raise DaemonError(
            "there is no such history entry",
            where=name,
            hint=f"`gitopsd app history {name}` shows those that there are",
        )
    if output is not None:
        data({**found, "items": items}, output)
        return
    if items:
        columns = ("ID", "REVISION", "DEPLOYED", "BY", "HEALTHY", "AUTHOR", "DATE", "MESSAGE")
        table(columns, [_row(each) for each in items])
    elif not integer(found, "limit"):
        note(f"of {name} no history is kept, for its revisionHistoryLimit is 0")
    else:
        note(f"{name} was never synced")
    pinned = mapping(found, "pinned")
    if pinned:
        note(pinned_to(pinned))


def unpin(name: Name, *, output: Output = None, socket: Socket = "", config: SocketOf = "") -> None:
    """Let a pinned application follow git again."""
    api = Api(find_socket(socket, config, os.environ))
    with about(name):
        found = api.delete(f"{application_route(name)}/pin").body
    if output is not None:
        data(found, output)
    else:
        lines([f"{name}: follows git again"])


def pinned_to(pinned: JsonObject) -> str:
    """One sentence about a pin."""
    by, reason = text(pinned, "by"), text(pinned, "reason")
    shown = f"pinned to entry {integer(pinned, 'id')} since {shown_time(text(pinned, 'since'))}" + (
        f" by {by}" if by else ""
    )
    return f"{shown}: {reason}" if reason else shown


def _row(item: JsonObject) -> list[str]:
    infos = objects(item, "infos")
    who = "gitopsd" if boolean(item, "automated") else text(item, "initiatedBy") or "-"
    back = value(item, "rollbackOf")
    said = "; ".join(text(info, "message") for info in infos if text(info, "message"))
    return [
        str(integer(item, "id")),
        revisions_of(item),
        shown_time(text(item, "deployedAt")),
        who,
        shown_time(text(item, "healthyAt")) or "never",
        _each(infos, "author"),
        shown_time(_each(infos, "date")),
        (f"rollback to {integer(item, 'rollbackOf')}" + (f": {said}" if said else "")) if back is not None else said,
    ]


def _each(infos: object, key: str) -> str:
    found = [text(info, key) for info in infos if text(info, key)] if isinstance(infos, list) else []
    return ", ".join(dict.fromkeys(found)) or "-"


def _manifests(found: JsonObject, output: Format | None) -> None:
    if output is not None:
        data(found, output)
        return
    from gitopsd.cli.yamldump import dump

    bodies = [*objects(found, "objects"), *objects(found, "hooks")]
    write("---\n".join(dump(body) for body in bodies))
