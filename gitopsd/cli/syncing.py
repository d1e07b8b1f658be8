"""`gitopsd app sync` and `app rollback`: begun, followed to the end, and told."""

from __future__ import annotations

import os
import shlex
import time
from typing import Annotated, NamedTuple

import typer

from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import DaemonError
from gitopsd.cli.output import Format, data, lines, note
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.planning import PLAN_SECONDS, agreed, planned, show, somebody_is_there, sync_command
from gitopsd.cli.syncoptions import (
    AssumeYes,
    Async,
    Confirm,
    DryRun,
    Force,
    How,
    Info,
    Labels,
    OutOfSyncOnly,
    PlanId,
    Prune,
    Replace,
    Resources,
    RetryLimit,
    Revisions,
    Timeout,
    Wishes,
    waiting_time,
)
from gitopsd.core.jsonvalue import JsonObject, mapping, text


class _Order(NamedTuple):
    """What is to be done: the API's `route` with `body`; `command` does the same, save for the plan's id."""

    name: str
    route: str
    body: JsonObject
    command: str
    plan_body: JsonObject


class _Manner(NamedTuple):
    """How it is waited for and told."""

    begin_only: bool
    seconds: float
    output: Format | None
    ask: bool
    retries: int = 0


def sync(
    name: Name,
    *,
    revision: Revisions = None,
    prune: Prune = None,
    dry_run: DryRun = False,
    force: Force = False,
    replace: Replace = False,
    apply_out_of_sync_only: OutOfSyncOnly = False,
    resource: Resources = None,
    label: Labels = None,
    plan: PlanId = "",
    confirm: Confirm = False,
    strategy: How = None,
    info: Info = None,
    retry_limit: RetryLimit = None,
    begin_only: Async = False,
    timeout: Timeout = "10m",
    assume_yes: AssumeYes = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Make the cluster as git says, and wait until that is done.

    On a terminal, a sync that deletes something shows its plan and asks; what is carried out then is that plan and no
    other. Exit codes: 0 Succeeded, 1 it failed or was refused, 3 not over in time (it goes on). Ctrl-C ends the waiting
    alone: what was asked for stays so until `gitopsd app terminate-op`.

    \b
    Examples:
      gitopsd app sync shop
      gitopsd app sync shop --plan p3f9a1c2        exactly what `app plan` showed
      gitopsd app sync shop --resource ':Service:*' --dry-run
    """
    wishes = Wishes(
        revision or (),
        prune,
        force,
        replace,
        apply_out_of_sync_only,
        resource or (),
        label or (),
        confirm,
        strategy,
        info or (),
        retry_limit,
    )
    wanted = wishes.body()
    order = _Order(name, "sync", {**wanted, "dryRun": dry_run, "plan": plan}, sync_command(name, wishes), wanted)
    manner = _Manner(begin_only, waiting_time(timeout), output, not (assume_yes or dry_run or plan), retry_limit or 0)
    return _carry_out(Api(find_socket(socket, config, os.environ)), order, manner)


def rollback(
    name: Name,
    entry: Annotated[
        int | None,
        typer.Argument(metavar="ID", min=0, help="From `app history`. Default: the one before.", show_default=False),
    ] = None,
    *,
    prune: Prune = None,
    dry_run: DryRun = False,
    plan: PlanId = "",
    confirm: Confirm = False,
    begin_only: Async = False,
    timeout: Timeout = "10m",
    assume_yes: AssumeYes = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Bring back what was deployed before, from the stored manifests, and hold the application at it.

    It stays pinned, automated or not, until `gitopsd app unpin` or until git wants something else. Asks and waits as
    `app sync` does; so are its exit codes.
    """
    api = Api(find_socket(socket, config, os.environ))
    wishes = Wishes(prune=prune, confirm=confirm)
    wanted = wishes.body()
    body: JsonObject = {**wanted, "id": entry, "dryRun": dry_run, "plan": plan}
    command = f"gitopsd app rollback {shlex.quote(name)}{'' if entry is None else f' {entry}'}{wishes.words()}"
    order = _Order(name, "rollback", body, command, {**wanted, "id": entry, "rollback": True})
    ask = not (assume_yes or dry_run or plan)
    code = _carry_out(api, order, _Manner(begin_only, waiting_time(timeout), output, ask))
    if code == ExitCode.OK and not dry_run:
        note(f"{name} is pinned: it stays so until `gitopsd app unpin {name}`, or until git wants something else")
    return code


def _carry_out(api: Api, order: _Order, manner: _Manner) -> int:
    if manner.ask and manner.output is None and somebody_is_there():
        found = planned(api, order.name, order.plan_body)
        from gitopsd.cli.plan_drawing import counted, deletes

        if deletes(found):
            show(found, order.command)
            if not agreed(f"{counted(found)[:1].upper()}{counted(found)[1:]}. Go on?"):
                note("nothing was done")
                return ExitCode.FAILED
            order = order._replace(body={**order.body, "plan": text(found, "id")})
    until = time.monotonic() + manner.seconds
    try:
        operation = _begun(api, order, manner)
    except KeyboardInterrupt:
        note(_stays(order.name))
        raise
    if manner.begin_only:
        _told_begun(order, operation, manner)
        return ExitCode.OK
    return _followed(api, order.name, operation, manner, until)


def _begun(api: Api, order: _Order, manner: _Manner) -> JsonObject:
    """The operation as it began. Raises `DaemonError` that says all that is known of the refusal."""
    route = f"{application_route(order.name)}/{order.route}"
    try:
        with about(order.name):
            return api.post(route, timeout=PLAN_SECONDS, body=order.body).body
    except DaemonError as error:
        if error.code == "plan-changed" and mapping(error.answer, "plan"):
            if manner.output is not None:
                data(error.answer, manner.output)
            else:
                show(mapping(error.answer, "plan"), order.command)
            raise error.said(
                hint="look at the plan above, which is the one of now; its last line carries it out"
            ) from None
        raise _explained(api, order.name, error) from None


def _explained(api: Api, name: str, error: DaemonError) -> DaemonError:
    """The refusal, with what is in the way."""
    from gitopsd.cli.following import state_of
    from gitopsd.cli.operation_text import under_way
    from gitopsd.core.jsonvalue import sequence

    if error.code == "in-progress":
        operation = mapping(state_of(api, name), "operation")
        hint = f"`gitopsd app wait {name} --operation` waits for it, `gitopsd app terminate-op {name}` ends it"
        return error.said(why=under_way(operation) if operation else "", hint=hint)
    if error.code == "blocked":
        reasons = "; ".join(map(str, sequence(state_of(api, name), "blockedBy")))
        return error.said(why=reasons, hint=f"`gitopsd app get {name}` shows when that is over")
    return error


def _told_begun(order: _Order, operation: JsonObject, manner: _Manner) -> None:
    from gitopsd.cli.following import is_pending

    if manner.output is not None:
        data(operation, manner.output)
        return
    if is_pending(operation):
        lines([f"{order.name}: {order.route} asked for ({text(operation, 'id')}): {text(operation, 'message')}"])
    else:
        lines([f"{order.name}: {order.route} begun ({text(operation, 'id')})"])


def _followed(api: Api, name: str, operation: JsonObject, manner: _Manner, until: float) -> int:
    from gitopsd.cli.following import Following, followed, is_over, is_pending
    from gitopsd.cli.operation_text import after_retries, show_result
    from gitopsd.cli.sync_progress import SyncProgress

    progress = SyncProgress(name, quiet=manner.output is not None or is_over(operation))
    last = [operation]

    def seen(found: JsonObject) -> None:
        last[0] = found
        progress.show(found)

    try:
        over = followed(api, name, Following(operation, manner.retries), until - time.monotonic(), seen)
    except KeyboardInterrupt:
        progress.end()
        note(_stays(name) if is_pending(last[0]) else f"{name}: it goes on. Try: gitopsd app terminate-op {name}")
        raise
    finally:
        progress.end()
    if over is None:
        return _late(name, last[0], manner)
    if manner.output is not None:
        data(over, manner.output)
    else:
        show_result(name, over)
    if text(over, "phase") == "Succeeded":
        return ExitCode.OK
    if again := after_retries(over):
        note(again)
    return ExitCode.FAILED


def _stays(name: str) -> str:
    return f"{name}: the sync stays requested: gitopsd app terminate-op {name} takes it back"


def _late(name: str, operation: JsonObject, manner: _Manner) -> int:
    from gitopsd.cli.following import is_pending
    from gitopsd.cli.operation_text import standing

    if manner.output is not None:
        data(operation, manner.output)
    late = f"{name}: not over within {manner.seconds:g} s: {standing(operation)}"
    if is_pending(operation):
        note(f"{late}; it stays requested. Try: gitopsd app terminate-op {name}, which takes it back")
    else:
        note(f"{late}; it goes on. Try: gitopsd app wait {name} --operation")
    return ExitCode.TIMED_OUT
