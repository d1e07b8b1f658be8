"""`gitopsd app wait`: until applications are as they shall be."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

import typer

from gitopsd.cli.appname import Names
from gitopsd.cli.client import Api
from gitopsd.cli.deletion_text import deletion_of
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.following import gone, is_over, state_of, states
from gitopsd.cli.operation_text import ended, standing
from gitopsd.cli.output import Format, data, lines, note, waiting
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.summary import object_of, sentence
from gitopsd.cli.syncoptions import Resources, Timeout, resource_filter, waiting_time
from gitopsd.core.jsonvalue import JsonObject, boolean, mapping, objects, text

_BETWEEN_LOOKS = 1.0


class _Goal(NamedTuple):
    """What is waited for; `healths` are good enough, none means that health does not matter."""

    sync: bool
    operation: bool
    healths: tuple[str, ...]
    resources: tuple[JsonObject, ...]

    def missing(self, state: JsonObject) -> str:
        """What is not so yet; "" if all is."""
        operation = mapping(state, "operation")
        if self.operation and operation and not is_over(operation):
            return f"the sync is not over ({standing(operation)})"
        if self.resources:
            return self._missing_of_objects(state)
        summary = mapping(state, "summary")
        return self._missing_of(text(summary, "sync"), text(summary, "health", "status"))

    def _missing_of(self, sync: str, health: str) -> str:
        if self.sync and sync != "Synced":
            return f"it is {sync}"
        if self.healths and health not in self.healths:
            return f"it is {health}"
        return ""

    def _missing_of_objects(self, application: JsonObject) -> str:
        chosen = [each for each in objects(application, "resources") if self._chosen(each)]
        if not chosen:
            return "no object of it is named so"
        for each in chosen:
            # A kind of which no health is known has nothing to wait for.
            health = text(each, "health", "status") or (self.healths or ("",))[0]
            missing = self._missing_of(text(each, "sync"), health)
            if missing:
                return f"{object_of(each)}: {missing}"
        return ""

    def _chosen(self, item: JsonObject) -> bool:
        fitting = [each for each in self.resources if _fits(each, item)]
        if any(boolean(each, "exclude") for each in fitting):
            return False
        return bool(fitting) or all(boolean(each, "exclude") for each in self.resources)


def wait(
    names: Names,
    *,
    sync: Annotated[bool, typer.Option("--sync", help="Until it is Synced.")] = False,
    health: Annotated[bool, typer.Option("--health", help="Until it is Healthy.")] = False,
    operation: Annotated[bool, typer.Option("--operation", help="Until its sync is over; 1 if that failed.")] = False,
    suspended: Annotated[bool, typer.Option("--suspended", help="Suspended is good too.")] = False,
    degraded: Annotated[bool, typer.Option("--degraded", help="Degraded is good too.")] = False,
    deletion: Annotated[bool, typer.Option("--delete", help="Until it is deleted and gone.")] = False,
    resource: Resources = None,
    timeout: Timeout = "10m",
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Wait until applications are as they shall be: Synced, Healthy and with no sync under way, or what is named.

    With --resource only these objects count. What is being deleted, or was, is not waited for but with --delete. Exit
    codes: 0 it is so, 1 --operation was named and the sync failed, or it is being deleted, 3 it was not so in time.

    \b
    Examples:
      gitopsd app wait shop database
      gitopsd app wait shop --health --resource apps:Deployment:web --timeout 2m
    """
    seconds = waiting_time(timeout)
    api = Api(find_socket(socket, config, os.environ))
    if deletion:
        if sync or health or operation or suspended or degraded or resource:
            raise typer.BadParameter("--delete goes with no other condition")
        return _until_gone(api, names, seconds, output)
    everything = not (sync or health or operation or suspended or degraded)
    wanted = {"Healthy": health or everything, "Suspended": suspended, "Degraded": degraded}
    goal = _Goal(
        sync or everything,
        operation or everything,
        tuple(status for status, good in wanted.items() if good),
        tuple(resource_filter(each) for each in resource or ()),
    )
    until = time.monotonic() + seconds
    found: list[JsonObject] = []
    code = ExitCode.OK
    for name in names:
        state, missing = _reached(api, name, goal, until)
        found.append(state)
        if told := mapping(state, "deletion"):
            note(f"{name}: {deletion_of(told)}. Try: {_instead(name, told)}")
            code = max(code, ExitCode.FAILED)
            continue
        if missing:
            note(f"{name}: not so within {timeout}: {missing}. Try: gitopsd app get {name}")
            code = ExitCode.TIMED_OUT
            continue
        last = mapping(state, "operation")
        if operation and last and text(last, "phase") != "Succeeded":
            code = max(code, ExitCode.FAILED)
        if output is None:
            lines([ended(name, last) if operation and last else sentence(mapping(state, "summary"))])
    if output is not None:
        data(found, output)
    return code


def _until_gone(api: Api, names: list[str], seconds: float, output: Format | None) -> int:
    """Wait for deletions, whether they began or not."""
    until = time.monotonic() + seconds
    code = ExitCode.OK
    found: list[JsonObject] = []
    for name in names:
        state = gone(api, name, max(0.0, until - time.monotonic()))
        found.append(state)
        if boolean(state, "done"):
            if output is None:
                lines([f"{name}: it is gone"])
            continue
        standing_now = deletion_of(state) if text(state, "phase") else "nobody deletes it"
        note(f"{name}: not gone within {seconds:g} s: {standing_now}. Try: gitopsd app get {name}")
        code = ExitCode.TIMED_OUT
    if output is not None:
        data(found, output)
    return code


def _instead(name: str, deletion: JsonObject) -> str:
    return f"gitopsd app get {name}" if boolean(deletion, "done") else f"gitopsd app wait {name} --delete"


def _reached(api: Api, name: str, goal: _Goal, until: float) -> tuple[JsonObject, str]:
    """The last state, and what was missing in it."""
    left = max(0.0, until - time.monotonic())
    state: JsonObject = {}
    missing = "nothing is known of it"
    over = waiting(f"waiting for {name}")
    try:
        for state in _applications(api, name, left) if goal.resources else states(api, name, left):
            missing = goal.missing(state)
            if not missing or mapping(state, "deletion"):
                break
    finally:
        over()
    return state, missing


def _applications(api: Api, name: str, seconds: float) -> Iterator[JsonObject]:
    """The whole application, whenever it does something else and once a second: its state says little of objects."""
    until = time.monotonic() + seconds
    while True:
        state = state_of(api, name)
        yield api.application(name)
        left = until - time.monotonic()
        if left <= 0:
            return
        state_of(api, name, text(state, "version"), min(_BETWEEN_LOOKS, left))


def _fits(wanted: JsonObject, item: JsonObject) -> bool:
    parts = ("group", "kind", "namespace", "name")
    patterns = [text(wanted, part) or ("*" if part == "namespace" else "") for part in parts]
    return all(fnmatchcase(text(item, part), pattern) for part, pattern in zip(parts, patterns, strict=True))
