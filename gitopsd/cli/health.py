"""`gitopsd health`: how live objects in files are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import data, note, warn
from gitopsd.cli.params import Output
from gitopsd.cli.table import table

if TYPE_CHECKING:
    from gitopsd.core.health.status import Health
    from gitopsd.core.jsonvalue import JsonObject

_BAD = ("Degraded", "Missing", "Unknown")


def health(
    *,
    files: Annotated[
        list[str],
        typer.Option("-f", "--filename", metavar="FILE", help="YAML or JSON; - is standard input. Repeatable."),
    ],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if any object is Degraded, Missing or Unknown.")
    ] = False,
    output: Output = None,
) -> int:
    """Judge the health of live objects in files.

    As the daemon judges it: `kubectl get deploy -o yaml | gitopsd health -f -`. Needs no daemon and no cluster.
    Where nothing is known of a kind, its status is empty (null in JSON).
    """
    from gitopsd.cli.objects import read_objects
    from gitopsd.core.health.assess import assess

    objects, warnings = read_objects(files, os.environ)
    for warning in warnings:
        warn(warning)
    judged = [(found, assess(found)) for found in objects]
    if output is not None:
        data([_answer(found, verdict) for found, verdict in judged], output)
    elif judged:
        table(("NAMESPACE", "NAME", "HEALTH", "MESSAGE"), [_row(found, verdict) for found, verdict in judged])
    else:
        note("no objects")
    bad = any(verdict is not None and verdict.status in _BAD for _, verdict in judged)
    return ExitCode.FAILED if exit_code and bad else ExitCode.OK


def _answer(found: JsonObject, verdict: Health | None) -> JsonObject:
    from gitopsd.core.jsonvalue import text

    return {
        "apiVersion": text(found, "apiVersion"),
        "kind": text(found, "kind"),
        "namespace": text(found, "metadata", "namespace"),
        "name": text(found, "metadata", "name"),
        "status": verdict.status.value if verdict is not None else None,
        "message": verdict.message if verdict is not None else "",
    }


def _row(found: JsonObject, verdict: Health | None) -> list[str]:
    answer = _answer(found, verdict)
    named = f"{answer['kind']}/{answer['name']}"
    return [str(answer["namespace"]) or "-", named, str(answer["status"] or "-"), str(answer["message"])]
