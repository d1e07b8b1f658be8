"""The names of the daemon's applications, as words of a command."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import DaemonError
from gitopsd.core.jsonvalue import objects, text

_MOST = "1000"


def application_names(incomplete: str) -> list[str]:
    """For the shell's completion: names of applications that begin so; none if no daemon answers at once."""
    try:
        api = Api(find_socket("", "", os.environ))
        items = objects(api.get("/applications", {"limit": _MOST, "search": incomplete}, timeout=1.0).body, "items")
    except DaemonError:
        return []
    return [text(item, "name") for item in items if text(item, "name").startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="The application's name.", metavar="NAME", autocompletion=application_names)]
Names = Annotated[
    list[str], typer.Argument(help="The applications' names.", metavar="NAME…", autocompletion=application_names)
]
