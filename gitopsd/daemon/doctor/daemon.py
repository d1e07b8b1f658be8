"""The daemon of this configuration: whether it runs, is well, and has its doors; if not, whether it could have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitopsd import __version__
from gitopsd.core.doctor import Finding, Severity
from gitopsd.core.errors import ConfigError
from gitopsd.daemon.doctor.checks import Check, Findings, problem
from gitopsd.daemon.doctor.patient import Patient
from gitopsd.daemon.doors import check_port

DAEMON: Final = "daemon"


def daemon_checks(patient: Patient) -> Sequence[Check]:
    """All of them."""

    async def alive() -> Findings:
        return [_alive(patient)]

    async def port() -> Findings:
        return [await _port(patient)]

    return (Check(DAEMON, "process", alive), Check(DAEMON, _shown(patient), port))


def _alive(patient: Patient) -> Finding:
    running, holder = patient.running, patient.holder
    who = f"process {holder}" if holder else "a process"
    if running is None:
        if holder is None:
            return Finding(DAEMON, "process", Severity.OK, "none runs")
        said = f"{who} has the state folder, and its socket does not answer"
        return Finding(
            DAEMON, "process", Severity.PROBLEM, said, "see its log; `systemctl restart gitopsd` if it hangs"
        )
    if running.trouble:
        return Finding(DAEMON, "process", Severity.WARNING, f"{who} runs, but: {running.trouble}", "see its log")
    if running.version != __version__:
        said = f"{who} runs version {running.version}, this is {__version__}"
        return Finding(DAEMON, "process", Severity.WARNING, said, "restart it, so that it is what is installed")
    return Finding(DAEMON, "process", Severity.OK, f"{who} runs version {running.version} and is ready")


async def _port(patient: Patient) -> Finding:
    server = patient.config.server
    subject = _shown(patient)
    if not server.port:
        return Finding(DAEMON, subject, Severity.OK, "any free port is taken")
    try:
        await check_port(server)
    except ConfigError as error:
        if patient.holder is not None:
            return Finding(DAEMON, subject, Severity.OK, "in use, as it should be while the daemon runs")
        return problem(DAEMON, subject, error)
    if patient.holder is not None:
        said = "nobody listens there though the daemon runs: it may have been started with another configuration"
        return Finding(DAEMON, subject, Severity.WARNING, said, "restart it")
    return Finding(DAEMON, subject, Severity.OK, "free")


def _shown(patient: Patient) -> str:
    server = patient.config.server
    return f"listening on {f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"
