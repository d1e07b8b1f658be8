"""`gitopsd admin doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import data, lines
from gitopsd.cli.params import Output

if TYPE_CHECKING:
    from gitopsd.core.doctor import Report
    from gitopsd.core.jsonvalue import JsonObject

_SIGNS: Final = {"ok": ("✓", "32"), "warning": ("!", "33"), "problem": ("✗", "31")}


def doctor(
    *,
    config: Annotated[str, typer.Option("--config", metavar="FILE", help="The configuration's main file.")],
    output: Output = None,
) -> int:
    """Examine an installation, with or without a running daemon, and say what to do.

    Exit code 0 if nothing is broken (warnings are shown all the same), 1 if something is.
    """
    from gitopsd.daemon.doctor import examine

    report = examine(config, os.environ)
    if output is not None:
        data(_as_json(report), output)
    else:
        lines(_text(report))
    return ExitCode.OK if report.well else ExitCode.FAILED


def _as_json(report: Report) -> JsonObject:
    findings: list[JsonObject] = [
        {
            "area": each.area,
            "subject": each.subject,
            "severity": each.severity.value,
            "message": each.said,
            "hint": each.hint,
        }
        for each in report.findings
    ]
    return {"well": report.well, "findings": findings}


def _text(report: Report) -> Iterator[str]:
    for area, findings in report.areas():
        yield area
        for each in findings:
            sign, _ = _SIGNS[each.severity.value]
            yield f"  {sign} {each.subject}: {each.said}"
            yield from (f"      {line}" for line in each.hint.splitlines())
