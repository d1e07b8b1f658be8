"""`gitopsd run`: the daemon itself."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import complain, data, is_terminal
from gitopsd.cli.params import Output, duration
from gitopsd.cli.summary import message_of, revisions_of
from gitopsd.cli.table import table

if TYPE_CHECKING:
    from gitopsd.core.appstatus import AppStatus
    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.daemon.once import OnceResult


def run(
    *,
    config: Annotated[str, typer.Option("--config", metavar="FILE", help="The configuration's main file.")],
    once: Annotated[
        bool, typer.Option("--once", help="Reconcile everything once, wait until it is at rest, and end.")
    ] = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="With --once: how long to wait, such as 90s or 10m.")
    ] = "300s",
    output: Output = None,
) -> int:
    """Keep clusters equal to git, until told to end.

    With --once: exit code 0 only if every application is Synced and Healthy, 1 if one is not, 3 after --timeout.
    Logs go to standard error. SIGHUP loads the configuration again; so does a change of its files.
    """
    seconds = duration(timeout)
    if output is not None and not once:
        raise typer.BadParameter("--output is for --once; the daemon's own output is its log")
    from gitopsd.daemon import run as daemon

    # What is imported stays: the collector need not look at it again, ever.
    gc.freeze()
    gc.enable()
    if not once:
        daemon.run_daemon(config, os.environ)
        return ExitCode.OK
    if is_terminal(sys.stderr):
        from gitopsd.cli.progress import Progress

        with Progress() as progress:
            result = daemon.run_once(config, os.environ, seconds, progress.show)
    else:
        result = daemon.run_once(config, os.environ, seconds, _unseen)
    _show(result, output)
    if result.timed_out:
        complain(f"not all applications came to rest within {timeout}", hint="see MESSAGE; a longer --timeout")
        return ExitCode.TIMED_OUT
    return ExitCode.OK if result.ok else ExitCode.FAILED


def _unseen(_statuses: Sequence[AppStatus]) -> None:
    """The log tells enough where no terminal shows progress."""


def _show(result: OnceResult, output: Output) -> None:
    items = [_item(status) for status in result.applications]
    if output is not None:
        data(items, output)
        return
    rows = [
        [
            status.name,
            status.sync.value,
            status.health.status.value,
            revisions_of(item),
            str(item["message"]),
        ]
        for status, item in zip(result.applications, items, strict=True)
    ]
    table(("NAME", "SYNC", "HEALTH", "REVISION", "MESSAGE"), rows)


def _item(status: AppStatus) -> JsonObject:
    """In the words of the API, and with the message that the table shows."""
    resources: list[JsonObject] = [
        {
            "group": each.key.group,
            "kind": each.key.kind,
            "namespace": each.key.namespace,
            "name": each.key.name,
            "sync": each.sync.value,
            "health": {"status": each.health.status.value, "message": each.health.message} if each.health else None,
            "message": each.message,
        }
        for each in status.resources
    ]
    item: JsonObject = {
        "name": status.name,
        "sync": status.sync.value,
        "health": {"status": status.health.status.value, "message": status.health.message},
        "revisions": status.revisions,
        "conditions": [{"type": each.type.value, "message": each.message} for each in status.conditions],
        "operationPhase": status.operation.phase.value if status.operation else None,
    }
    return {**item, "message": message_of(item, resources), "resources": resources}
