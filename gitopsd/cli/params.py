"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from gitopsd.cli.duration import seconds_of
from gitopsd.cli.output import Format, ListFormat

Output = Annotated[Format | None, typer.Option("-o", "--output", help="For programs: JSON or YAML instead of text.")]
ListOutput = Annotated[
    ListFormat | None, typer.Option("-o", "--output", help="A wider table, or JSON or YAML for programs.")
]
Socket = Annotated[
    str,
    typer.Option(metavar="PATH", help="The daemon's socket. Default: $GITOPSD_SOCKET, else the usual places."),
]
SocketOf = Annotated[
    str, typer.Option("--config", metavar="FILE", help="Find the socket in the state folder of this configuration.")
]


def duration(text: str) -> float:
    """A duration in seconds. Raises `typer.BadParameter`."""
    found = seconds_of(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 30s, 5m or 1h30m", param_hint="'--timeout'")
    return found
