"""`gitopsd app terminate-op`, `confirm-deletion` and `delete`."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError
from gitopsd.cli.following import gone
from gitopsd.cli.operation_text import standing
from gitopsd.cli.output import data, lines, note, waiting
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.planning import agreed, somebody_is_there
from gitopsd.cli.summary import destination_of, object_of
from gitopsd.cli.syncoptions import Timeout, waiting_time
from gitopsd.core.jsonvalue import JsonObject, boolean, mapping, objects, string_map, text, value

_MOST_SHOWN = 20


class Cascade(StrEnum):
    """Kubernetes' propagation policies; `orphan` deletes nothing."""

    FOREGROUND = "foreground"
    BACKGROUND = "background"
    ORPHAN = "orphan"


def terminate(name: Name, *, output: Output = None, socket: Socket = "", config: SocketOf = "") -> None:
    """End the sync under way, and the hooks that it runs; what was applied stays applied.

    A sync that waits for its turn is taken back.
    """
    api = Api(find_socket(socket, config, os.environ))
    with about(name):
        found = api.delete(f"{application_route(name)}/operation").body
    if output is not None:
        data(found, output)
    elif mapping(found, "askedOperation"):
        lines([f"{name}: its sync is taken back: it had not begun"])
    else:
        running = mapping(found, "operation")
        told = "" if text(running, "phase") == "Terminating" else "told to end; it was "
        lines([f"{name}: {told}{standing(running)}"])


def confirm_deletion(name: Name, *, output: Output = None, socket: Socket = "", config: SocketOf = "") -> None:
    """Let a sync or a deletion go on that waits for this (`Prune=confirm`, `Delete=confirm`)."""
    api = Api(find_socket(socket, config, os.environ))
    with about(name):
        found = api.post(f"{application_route(name)}/operation/confirm", body={}).body
    if output is not None:
        data(found, output)
    else:
        lines([f"{name}: confirmed"])


def delete(
    name: Name,
    *,
    cascade: Annotated[
        Cascade, typer.Option("--cascade", help="How objects are deleted; orphan leaves them as they are.")
    ] = Cascade.FOREGROUND,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all is gone.")] = False,
    timeout: Timeout = "10m",
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Delete an application's objects from the cluster, in reverse order of its waves, and let it rest.

    Its entry in the configuration stays yours: the application is gone for good once you take that away, and begins
    anew when you change it. On a terminal it is shown what goes, and asked; elsewhere --yes has to be said.

    \b
    Examples:
      gitopsd app delete shop --wait
      gitopsd app delete shop --cascade orphan --yes        forget it, and leave its objects
    """
    api = Api(find_socket(socket, config, os.environ))
    seconds = waiting_time(timeout)
    if not yes and not _agreed(api.application(name), cascade):
        note("nothing was done")
        return ExitCode.FAILED
    with about(name):
        deletion = api.delete(application_route(name), {"cascade": cascade.value}).body
    if wait and not boolean(deletion, "done"):
        deletion = _awaited(api, name, deletion, seconds)
    if output is not None:
        data(deletion, output)
    else:
        _tell(name, deletion)
    if wait and not boolean(deletion, "done"):
        note(f"{name}: not gone within {timeout}; it goes on. Try: gitopsd app get {name}")
        return ExitCode.TIMED_OUT
    return ExitCode.OK


def _agreed(application: JsonObject, cascade: Cascade) -> bool:
    name = text(application, "summary", "name")
    if not somebody_is_there():
        raise BadInputError("nobody is there to be asked", where=name, hint="say --yes")
    resources = objects(application, "resources")
    if cascade is Cascade.ORPHAN:
        return agreed(f"{name} rests from now on, its {len(resources)} objects stay. Go on?")
    lines(f"  {object_of(each)}" for each in resources[:_MOST_SHOWN])
    if len(resources) > _MOST_SHOWN:
        lines([f"  … and {len(resources) - _MOST_SHOWN} more"])
    place = destination_of(mapping(application, "summary"))
    noun = "object is" if len(resources) == 1 else "objects are"
    return agreed(f"{len(resources)} {noun} deleted from {place}. Go on?")


def _awaited(api: Api, name: str, deletion: JsonObject, seconds: float) -> JsonObject:
    """The deletion as it ended, or as far as it came."""
    over = waiting(f"waiting until {name} is gone")
    try:
        return gone(api, name, seconds, deletion)
    finally:
        over()


def _tell(name: str, deletion: JsonObject) -> None:
    forgotten = value(deletion, "seconds") is not None  # nothing is known of it any more
    message, error = text(deletion, "message"), text(deletion, "error")
    said = f"{name}: {text(deletion, 'phase')}" + (f": {message}" if message else "")
    lines([said, *(f"  stays: {what}: {why}" for what, why in string_map(deletion, "kept").items())])
    if error:
        note(f"{name}: {error}")
    if boolean(deletion, "done") and not boolean(deletion, "removed") and not forgotten:
        note(f"{name} rests: it begins anew when its entry changes, and is gone for good once that is taken away")
