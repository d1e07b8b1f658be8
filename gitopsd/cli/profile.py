"""`gitopsd admin profile`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from gitopsd.cli.client import TIMEOUT, Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import is_terminal, waiting, write
from gitopsd.cli.params import Socket, SocketOf

_MOST_SECONDS = 60.0


class ProfileFormat(StrEnum):
    """How a profile is written."""

    TEXT = "text"
    HTML = "html"
    SPEEDSCOPE = "speedscope"


def profile(
    *,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=_MOST_SECONDS, help="How long the daemon is looked at.")
    ] = 10.0,
    form: Annotated[
        ProfileFormat,
        typer.Option("--format", help="Text, a page for a browser, or a file for https://www.speedscope.app."),
    ] = ProfileFormat.TEXT,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Show where the running daemon's time goes, on its event loop and in its threads.

    It works on meanwhile, a few per cent slower. One profile is made at a time. The answer names functions and files
    of the program, and nothing of what it works with.
    """
    if form is not ProfileFormat.TEXT and is_terminal(sys.stdout):
        raise typer.BadParameter(f"a profile of this format is for a file: … --format {form.value} > FILE")
    api = Api(find_socket(socket, config, os.environ))
    over = waiting(f"looking for {seconds:g} s")
    try:
        found = api.download("/debug/profile", {"seconds": f"{seconds:g}", "format": form.value}, seconds + TIMEOUT)
    finally:
        over()
    write(found.decode(errors="replace"))
