"""A group of commands that is called without one."""

from __future__ import annotations

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import write


def help_alone(context: typer.Context) -> None:
    """Show the group's help, and end as after wrong usage, if no command was named."""
    if context.invoked_subcommand is None:
        write(f"{context.get_help()}\n")
        raise typer.Exit(ExitCode.USAGE)
