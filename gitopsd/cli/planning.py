"""`gitopsd app plan`: what a sync would do, before it does anything."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Final

from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import data, is_terminal, waiting
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.syncoptions import (
    Confirm,
    Force,
    How,
    Labels,
    OutOfSyncOnly,
    Prune,
    Replace,
    Resources,
    Revisions,
    Wishes,
)
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject

PLAN_SECONDS: Final = 300.0
"""A plan fetches, renders and asks the API server about each object that differs."""


def plan(
    name: Name,
    *,
    revision: Revisions = None,
    prune: Prune = None,
    force: Force = False,
    replace: Replace = False,
    apply_out_of_sync_only: OutOfSyncOnly = False,
    resource: Resources = None,
    label: Labels = None,
    confirm: Confirm = False,
    strategy: How = None,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show what a sync would do now: phases, waves, steps, why, and what they change field by field.

    Changes nothing. Ends with the plan's id and the command that does exactly this: should git or the cluster move in
    what the plan touches, that command refuses and shows the new plan. Values of Secrets are never shown.

    \b
    Examples:
      gitopsd app plan shop --prune
      gitopsd app plan shop --revision v1.2.0 --resource apps:Deployment:web
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
    )
    found = planned(Api(find_socket(socket, config, os.environ)), name, wishes.body())
    if output is not None:
        data(found, output)
    else:
        show(found, sync_command(name, wishes))


def planned(api: Api, name: str, body: JsonObject) -> JsonObject:
    """What the daemon would do. Raises `DaemonError`."""
    over = waiting(f"planning {name}")
    try:
        with about(name):
            return api.post(f"{application_route(name)}/plan", timeout=PLAN_SECONDS, body=body).body
    finally:
        over()


def show(found: JsonObject, command: str) -> None:
    """Print a plan; `command` is what it is carried out with."""
    from gitopsd.cli.plan_drawing import draw
    from gitopsd.daemon.clock import SystemClock

    draw(found, command, SystemClock().now())


def sync_command(name: str, wishes: Wishes) -> str:
    """The command line of such a sync."""
    return f"gitopsd app sync {shlex.quote(name)}{wishes.words()}"


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes. The question is no part of the answer: standard error has it."""
    sys.stderr.write(f"{visible(question)} [y/N]: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def somebody_is_there() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and is_terminal(sys.stderr)
