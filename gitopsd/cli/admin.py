"""`gitopsd admin`: what keeps an installation well; one module per command."""

from __future__ import annotations

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.doctor import doctor

admin = typer.Typer(help="Look after an installation.", invoke_without_command=True)


@admin.callback()
def _admin(context: typer.Context) -> None:
    help_alone(context)


admin.command("doctor")(doctor)
