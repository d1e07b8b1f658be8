"""`gitopsd admin doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError, DaemonError, NoDaemonError
from gitopsd.cli.output import data, painted, waiting, write
from gitopsd.cli.params import Output
from gitopsd.cli.visible import visible
from gitopsd.core.counts import counted
from gitopsd.core.jsonvalue import text

if TYPE_CHECKING:
    from gitopsd.core.doctor import Report
    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.daemon.doctor import RunningDaemon

_DAEMON_SECONDS: Final = 5.0
_SIGNS: Final = {"ok": ("✓", "32"), "warning": ("!", "33"), "problem": ("✗", "31"), "unknown": ("-", "2")}


def doctor(
    *,
    config: Annotated[str, typer.Option("--config", metavar="FILE", help="The configuration's main file.")],
    output: Output = None,
) -> int:
    """Examine an installation, with or without a running daemon, and say what to do.

    Looks at the configuration, who may read its secrets, folders, render engine, plugins, repositories, clusters and
    what is not allowed there, limits, clocks, names and ports. Run it as the daemon's user. Exit code 0 if nothing is
    broken (warnings are shown all the same), 1 if something is.
    """
    from gitopsd.daemon.doctor import examine
    from gitopsd.daemon.log import configure_log

    configure_log("error", "text")
    over = waiting("looking")
    try:
        report = examine(config, os.environ, _daemon(config, os.environ))
    finally:
        over()
    if output is not None:
        data(_as_json(report), output)
    else:
        write("".join(f"{line}\n" for line in _text(report)))
    code = ExitCode.OK if report.well else ExitCode.FAILED
    from gitopsd.plugin.importing import given_up

    if given_up():  # a plugin never came to its end: Python would wait for it
        sys.stderr.flush()
        os._exit(code)
    return code


def _daemon(config: str, environ: Mapping[str, str]) -> RunningDaemon | None:
    """What the daemon of this configuration says of itself; None where none answers."""
    from gitopsd.daemon.doctor import RunningDaemon

    try:
        path = find_socket("", config, environ)
        version = text(Api(path).get("/version", timeout=_DAEMON_SECONDS).body, "version")
    except (NoDaemonError, BadInputError):
        return None
    except DaemonError as error:
        return RunningDaemon(trouble=str(error))
    try:
        Api(path, root="").get("/readyz", timeout=_DAEMON_SECONDS)
    except DaemonError as error:
        return RunningDaemon(version, text(error.answer, "reason") or str(error))
    return RunningDaemon(version)


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
            sign, colour = _SIGNS[each.severity.value]
            yield f"  {painted(sign, colour, sys.stdout)} {visible(f'{each.subject}: {each.said}')}"
            yield from (f"      {visible(line)}" for line in each.hint.splitlines())
    yield ""
    yield _summary(report)


def _summary(report: Report) -> str:
    from gitopsd.core.doctor import Severity

    counts = {severity: len(report.having(severity)) for severity in Severity}
    problems, warnings = counts[Severity.PROBLEM], counts[Severity.WARNING]
    if not problems and not warnings:
        return f"all well: {counted(counts[Severity.OK], 'things')} looked at"
    return f"{counted(problems, 'problems')}, {counted(warnings, 'warnings')}"
