"""`gitopsd admin`: what keeps an installation well; one module per command."""

from __future__ import annotations

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.backup import backup
from gitopsd.cli.doctor import doctor
from gitopsd.cli.loglevel import log_level
from gitopsd.cli.profile import profile
from gitopsd.cli.restore import migrate, restore

admin = typer.Typer(help="Look after an installation.", invoke_without_command=True)


@admin.callback()
def _admin(context: typer.Context) -> None:
    help_alone(context)


admin.command("backup")(backup)
admin.command("doctor")(doctor)
admin.command("log-level")(log_level)
admin.command("profile")(profile)
admin.command("migrate")(migrate)
admin.command("restore")(restore)
