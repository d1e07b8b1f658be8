"""`gitopsd admin log-level`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.client import Api
from gitopsd.cli.duration import seconds_of, shown_time
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import data, lines
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.core.jsonvalue import JsonObject, text

_ROUTE = "/debug/log-level"
_LEVELS = ("debug", "info", "warning", "error", "reset")
_MOST_DAYS = 7


def log_level(
    level: Annotated[
        str,
        typer.Argument(metavar="[LEVEL]", help="debug, info, warning or error; reset: as configured; none: show it."),
    ] = "",
    *,
    how_long: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="Go back to the configured level after it, such as 10m.")
    ] = "",
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show or change how much the running daemon logs.

    The change counts at once, and until --for is over, `log.level` of the configuration changes, or the daemon is
    started anew.
    """
    level = level.lower()
    if level and level not in _LEVELS:
        raise typer.BadParameter(f"{level!r} is none of {', '.join(_LEVELS)}", param_hint="'LEVEL'")
    seconds = seconds_of(how_long) if how_long else None
    if how_long and not seconds:
        raise typer.BadParameter(f"{how_long!r} is no duration such as 30s, 5m or 1h30m", param_hint="'--for'")
    if seconds and seconds > _MOST_DAYS * 86_400:
        why = f"{how_long!r} is longer than {_MOST_DAYS} days: set log.level of the configuration"
        raise typer.BadParameter(why, param_hint="'--for'")
    if seconds and level in ("", "reset"):
        raise typer.BadParameter("it goes with debug, info, warning or error", param_hint="'--for'")
    api = Api(find_socket(socket, config, os.environ))
    if level:
        asked: JsonObject = {"level": "" if level == "reset" else level, "seconds": seconds}
        found = api.post(_ROUTE, body=asked).body
    else:
        found = api.get(_ROUTE).body
    if output is not None:
        data(found, output)
    else:
        lines([_sentence(found)])


def _sentence(found: JsonObject) -> str:
    level, configured, until = text(found, "level"), text(found, "configured"), text(found, "until")
    if level == configured and not until:
        return f"{level} (as configured)"
    return f"{level} (configured: {configured}), " + (f"until {shown_time(until)}" if until else "until it is changed")
