"""`gitopsd app`: the daemon's applications."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.actions import actions
from gitopsd.cli.alone import help_alone
from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api
from gitopsd.cli.ending import confirm_deletion, delete, terminate
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.history import history, unpin
from gitopsd.cli.output import ListFormat, data, note
from gitopsd.cli.params import Output, Socket, SocketOf, duration
from gitopsd.cli.planning import plan
from gitopsd.cli.quick import Refresh
from gitopsd.cli.refreshing import refresh_application, refreshed
from gitopsd.cli.summary import destination_of, message_of, revisions_of
from gitopsd.cli.syncing import rollback, sync
from gitopsd.cli.table import table
from gitopsd.cli.wait import wait
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.jsonvalue import JsonObject, objects, text, value

_PAGE = "1000"
_LONGEST_WAIT = 300.0

app = typer.Typer(
    help="The daemon's applications: look at them, plan and sync, wait, roll back, delete.", invoke_without_command=True
)


@app.callback()
def _app(context: typer.Context) -> None:
    help_alone(context)


@app.command("list")
def list_applications(
    *,
    project: Annotated[str, typer.Option("-p", "--project", help="Of this project only.")] = "",
    sync: Annotated[
        list[SyncCode] | None,
        typer.Option(metavar="CODE", case_sensitive=False, help="Synced, OutOfSync or Unknown; may be repeated."),
    ] = None,
    health: Annotated[
        list[HealthStatus] | None,
        typer.Option(metavar="CODE", case_sensitive=False, help="Healthy, Progressing, Degraded, …; may be repeated."),
    ] = None,
    search: Annotated[str, typer.Option(help="Part of the name, of a repository or of the namespace.")] = "",
    output: Annotated[
        ListFormat | None, typer.Option("-o", "--output", help="A wider table, or JSON or YAML for programs.")
    ] = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """List applications, sorted by name."""
    api = Api(find_socket(socket, config, os.environ))
    query: dict[str, str | list[str]] = {
        "project": project,
        "sync": [code.value for code in sync or []],
        "health": [code.value for code in health or []],
        "search": search,
        "limit": _PAGE,
    }
    items = _all_pages(api, query)
    if output is not None and output is not ListFormat.WIDE:
        data(items, output)
    elif items:
        _list_table(items, wide=output is ListFormat.WIDE)
    else:
        note("no applications" if not (project or sync or health or search) else "no application matches")


@app.command("get")
def get(
    name: Name,
    *,
    refresh: Annotated[bool, typer.Option("--refresh", help="Refresh it before, and wait for that.")] = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show one application: status, conditions, objects, last sync."""
    api = Api(find_socket(socket, config, os.environ))
    if refresh:
        refreshed(api, Refresh(name, wait=True))
    found = api.application(name)
    if output is not None:
        data(found, output)
        return
    from gitopsd.cli.details import show

    show(found)


@app.command("refresh")
def refresh(
    name: Name,
    *,
    hard: Annotated[bool, typer.Option("--hard", help="Render anew, without the cache.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the daemon has looked; exit code 3 if not.")] = False,
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long --wait waits, 5m at most.")] = "60s",
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Look an application's repositories up now, and reconcile it."""
    seconds = duration(timeout)
    if seconds > _LONGEST_WAIT:
        raise typer.BadParameter(f"--timeout is {_LONGEST_WAIT:g} s at most")
    form = output.value if output is not None else ""
    return refresh_application(Refresh(name, hard, wait, seconds, socket, config, form))


app.command("plan")(plan)
app.command("sync")(sync)
app.command("wait")(wait)
app.command("history")(history)
app.command("rollback")(rollback)
app.command("unpin")(unpin)
app.command("terminate-op")(terminate)
app.command("confirm-deletion")(confirm_deletion)
app.command("delete")(delete)
app.add_typer(actions, name="actions")


def _all_pages(api: Api, query: dict[str, str | list[str]]) -> list[JsonObject]:
    items: list[JsonObject] = []
    token = ""
    while True:
        page = api.get("/applications", {**query, "continue": token}).body
        items.extend(objects(page, "items"))
        token = text(page, "continue")
        if not token:
            return items


def _list_table(items: list[JsonObject], *, wide: bool) -> None:
    columns = ["NAME", "PROJECT", "SYNC", "HEALTH", "REVISION"]
    if wide:
        columns += ["DESTINATION", "REPOSITORY", "PATH", "TARGET", "OBJECTS", "LAST SYNC", "RECONCILED"]
    table([*columns, "MESSAGE"], [_row(item, wide=wide) for item in items])


def _row(item: JsonObject, *, wide: bool) -> list[str]:
    row = [text(item, "name"), text(item, "project"), text(item, "sync"), text(item, "health", "status")]
    row.append(revisions_of(item))
    if wide:
        sources = objects(item, "sources")
        row.append(destination_of(item))
        row.append(",".join(text(source, "repoURL") for source in sources))
        row.append(",".join(text(source, "chart") or text(source, "path") for source in sources))
        row.append(",".join(text(source, "targetRevision") for source in sources))
        row.append(str(value(item, "resourceCount")))
        row += [text(item, "operationPhase") or "-", text(item, "reconciledAt") or "-"]
    return [*row, message_of(item)]
