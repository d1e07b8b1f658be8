"""`gitopsd admin`: what keeps an installation well; one module per command."""

from __future__ import annotations

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.doctor import doctor
from gitopsd.cli.loglevel import log_level
from gitopsd.cli.profile import profile

admin = typer.Typer(help="Look after an installation.", invoke_without_command=True)


@admin.callback()
def _admin(context: typer.Context) -> None:
    help_alone(context)


admin.command("doctor")(doctor)
admin.command("log-level")(log_level)
admin.command("profile")(profile)
