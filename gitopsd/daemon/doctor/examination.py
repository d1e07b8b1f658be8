"""All checks in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio

from gitopsd.config import Config, ConfigErrors, exposed, load
from gitopsd.core.counts import counted
from gitopsd.core.doctor import Finding, Report, Severity
from gitopsd.core.errors import GitopsdError
from gitopsd.daemon.argocd_secrets import read_repositories, with_repositories
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.doctor.checks import Check, Findings, made, problem
from gitopsd.daemon.doctor.clusters import cluster_checks
from gitopsd.daemon.doctor.daemon import daemon_checks
from gitopsd.daemon.doctor.files import FOLDERS, file_checks, state_file
from gitopsd.daemon.doctor.machine import machine_checks
from gitopsd.daemon.doctor.objects import completed, remembered
from gitopsd.daemon.doctor.patient import Patient, RunningDaemon
from gitopsd.daemon.doctor.rendering import rendering_checks
from gitopsd.daemon.doctor.repositories import REPOSITORIES, repository_checks
from gitopsd.store.glance import holder

_CONFIGURATION: Final = "configuration"
_PLACE: Final = re.compile(r"(\S[^:]*:[0-9]+:[0-9]+): ")


def examine(path: str, environ: Mapping[str, str], running: RunningDaemon | None = None) -> Report:
    """Look at everything that the configuration at `path` needs. Blocks; never raises for what it finds.

    `running` is what the daemon behind the socket says, None where none answers.
    """
    config, findings = _configuration(path, environ)
    if config is None:
        return Report(findings)
    folder = Path(config.state_dir)
    state = state_file(folder)
    known, trouble = remembered(folder, FOLDERS) if Report(tuple(state)).well else ({}, ())
    patient = Patient(config, environ, SystemClock(), known, holder(folder), running)
    return Report((*findings, *state, *trouble, *anyio.run(_examined, patient)))


async def _examined(patient: Patient) -> Findings:
    secrets = await read_repositories(patient.config, patient.clock)
    config = with_repositories(patient.config, secrets)
    patient = replace(patient, objects=await completed(config, patient.environ, patient.objects))
    async with AsyncExitStack() as stack:
        try:
            repositories = await stack.enter_async_context(repository_checks(patient, secrets))
        except GitopsdError as error:
            found = [problem(REPOSITORIES, "all", error)]

            async def said() -> Findings:
                return found

            repositories = [Check(REPOSITORIES, "all", said)]
        checks: Sequence[Check] = (
            *daemon_checks(patient),
            *file_checks(patient),
            *rendering_checks(patient),
            *repositories,
            *cluster_checks(patient),
            *machine_checks(patient),
        )
        return await made(checks)


def _configuration(path: str, environ: Mapping[str, str]) -> tuple[Config | None, tuple[Finding, ...]]:
    try:
        config = load(path, environ=environ, broken=None)
    except ConfigErrors as errors:
        return None, tuple(problem(_CONFIGURATION, each.where or path, each) for each in errors.errors)
    counts = (
        counted(len(config.applications), "applications"),
        counted(len(config.clusters), "clusters"),
        counted(len(config.repositories), "repositories"),
    )
    broken = [problem(_CONFIGURATION, each.where or path, each) for each in config.broken.values()]
    valid = broken or [Finding(_CONFIGURATION, path, Severity.OK, f"valid: {', '.join(counts)}")]
    # Files that are open to others are told with the credentials.
    told = {f"{file}: {exposed(file)}" for file in config.secret_files}
    warnings = (_warned(path, warning) for warning in config.warnings if warning not in told)
    return config, (*valid, *warnings)


def _warned(path: str, warning: str) -> Finding:
    """A warning beside its own place, if it names one."""
    place = _PLACE.match(warning)
    subject, said = (place[1], warning[place.end() :]) if place else (path, warning)
    said, _, hint = said.partition(". Try: ")
    return Finding(_CONFIGURATION, subject, Severity.WARNING, said, hint)
