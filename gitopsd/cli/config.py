"""`gitopsd config`: look at the configuration without a daemon."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError
from gitopsd.cli.output import Format, complain, data, lines, note, warn
from gitopsd.cli.params import Output
from gitopsd.core.counts import counted

if TYPE_CHECKING:
    from gitopsd.config import Config, ConfigErrors
    from gitopsd.core.jsonvalue import JsonObject

config = typer.Typer(help="Look at the configuration; needs no daemon and no cluster.", invoke_without_command=True)


@config.callback()
def _config(context: typer.Context) -> None:
    help_alone(context)


@config.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The main file.", show_default=False)] = "",
    named: Annotated[
        str, typer.Option("--config", metavar="FILE", help="The main file, as `gitopsd run` names it.")
    ] = "",
    output: Output = None,
) -> int:
    """Check the configuration and all files that it names: every error at once, with its place."""
    path = file or named
    if not path or (file and named):
        raise BadInputError("name one configuration file", hint="`gitopsd config check gitopsd.yaml`")
    from gitopsd.config import ConfigErrors, load

    try:
        found = load(path, environ=os.environ)
    except ConfigErrors as errors:
        _show_errors(errors, output)
        return ExitCode.USAGE
    _check_rules(found)
    if output is not None:
        data({"valid": True, **_counts(found), "warnings": found.warnings, "errors": []}, output)
        return ExitCode.OK
    for warning in found.warnings:
        warn(warning)
    counts = ", ".join(counted(count, nouns) for nouns, count in _counts(found).items())
    lines([f"{path}: valid: {counts}" + (f"; {counted(len(found.warnings), 'warnings')}" if found.warnings else "")])
    return ExitCode.OK


@config.command()
def schema(output: Output = Format.JSON) -> None:
    """Print the JSON Schema of the main file, for editors."""
    from gitopsd.config.schema import json_schema, printed

    if output is Format.YAML:
        data(json_schema(), output)
        return
    from gitopsd.cli.output import write

    write(printed(json_schema()))


def _check_rules(found: Config) -> None:
    resources = found.resources
    if resources.health or resources.health_folders or resources.health_tables:
        import anyio

        from gitopsd.daemon.judging import check_rules

        anyio.run(check_rules, resources, os.environ)
    if resources.actions or resources.action_files:
        import anyio

        from gitopsd.daemon.acting import check_actions

        anyio.run(check_actions, resources, os.environ)


def _counts(found: Config) -> dict[str, int]:
    return {
        "applications": len(found.applications),
        "clusters": len(found.clusters),
        "repositories": len(found.repositories),
        "files": len(found.files),
    }


def _show_errors(errors: ConfigErrors, output: Format | None) -> None:
    if output is not None:
        told: list[JsonObject] = [
            {"where": each.where, "what": each.what, "why": each.why, "hint": each.hint} for each in errors.errors
        ]
        data({"valid": False, "errors": told}, output)
        return
    for each in errors.errors:
        complain(each.what, where=each.where, why=each.why, hint=each.hint)
    note(counted(len(errors.errors), "errors"))
