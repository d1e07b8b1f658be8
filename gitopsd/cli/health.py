"""`gitopsd health`: how live objects in files are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError
from gitopsd.cli.output import Format, data, note, warn
from gitopsd.cli.params import Output
from gitopsd.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules",
            metavar="DIR",
            help="Rules of yours: a folder as Argo CD's resource_customizations, or of health tables. Repeatable.",
        ),
    ] = None,
    cases: Annotated[
        bool,
        typer.Option(
            "--cases",
            help="The objects are cases: compare with their annotations gitopsd.io/expected-health and "
            "gitopsd.io/expected-message; exit with 1 if one differs.",
        ),
    ] = False,
    output: Output = None,
) -> int:
    """Judge the health of live objects in files.

    As the daemon judges it: `kubectl get deploy -o yaml | gitopsd health -f -`. Needs no daemon and no cluster.
    An object without a sign of health has an empty status (null in JSON).
    """
    from gitopsd.cli.objects import read_objects

    objects, warnings = read_objects(files, os.environ)
    for warning in warnings:
        warn(warning)
    judged = list(zip(objects, _judged(objects, rules or ()), strict=True))
    if cases:
        return _told_cases(judged, output)
    if output is not None:
        data([_answer(found, verdict) for found, verdict in judged], output)
    elif judged:
        table(("NAMESPACE", "NAME", "HEALTH", "MESSAGE"), [_row(found, verdict) for found, verdict in judged])
    else:
        note("no objects")
    bad = any(verdict is not None and verdict.status in _BAD for _, verdict in judged)
    return ExitCode.FAILED if exit_code and bad else ExitCode.OK


def _judged(objects: Sequence[JsonObject], rules: Sequence[str]) -> Sequence[Health | None]:
    if not rules:
        from gitopsd.core.health.assess import assess
        from gitopsd.rules.bundled import bundled_table

        return [assess(found, tables=bundled_table) for found in objects]
    import anyio

    from gitopsd.daemon.judging import judge_alone

    return anyio.run(judge_alone, objects, rules, os.environ)


def _told_cases(judged: Sequence[tuple[JsonObject, Health | None]], output: Format | None) -> int:
    from gitopsd.cli.health_cases import case_of, counted

    cases = [case for found, verdict in judged if (case := case_of(found, verdict)) is not None]
    if not cases:
        raise BadInputError(
            "no object has the annotation gitopsd.io/expected-health", hint="say with it how each object should be"
        )
    rows = counted(cases)
    if output is not None:
        data([{"group": group, "cases": all_of_it, "asExpected": good} for group, all_of_it, good in rows], output)
    else:
        whole = ("all", str(len(cases)), str(sum(good for _, _, good in rows)))
        shown = [(group or "core", str(all_of_it), str(good)) for group, all_of_it, good in rows]
        table(("GROUP", "CASES", "AS EXPECTED"), [*shown, whole] if len(rows) > 1 else shown)
    different = [case for case in cases if not case.holds]
    for case in different:
        warn(case.difference)
    return ExitCode.FAILED if different else ExitCode.OK


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
