"""Repositories: whether each one in use can be asked, with the credentials that it has."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gitopsd.config import Config
from gitopsd.core.doctor import Finding, Severity
from gitopsd.core.errors import GitopsdError, SourceError, shown_url
from gitopsd.core.origin import OriginKind, parse_origin
from gitopsd.daemon.argocd_secrets import RepositoryAnswers, with_repositories
from gitopsd.daemon.doctor.checks import Check, Findings, problem
from gitopsd.daemon.doctor.patient import Patient
from gitopsd.daemon.offline import Setting, opened_sources
from gitopsd.ports.renderer import RenderTarget
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.all import AllSources

REPOSITORIES: Final = "repositories"
_MOST: Final = 200


@asynccontextmanager
async def repository_checks(patient: Patient, secrets: RepositoryAnswers) -> AsyncGenerator[Sequence[Check]]:
    """One for each origin of the applications, and for each git repository of the configuration. Nothing is fetched:
    each is asked for its refs, or its versions, also with the credentials of Argo CD's `secrets`. The mirrors of the
    daemon are not touched.
    """
    config = patient.config
    where = Setting(patient.environ, RenderTarget("", ()), config)
    with tempfile.TemporaryDirectory(prefix="gitopsd-doctor-", ignore_cleanup_errors=True) as folder:
        filled = with_repositories(config, secrets)
        accesses = Accesses(filled.repositories, filled.repository_credentials)
        findings = _read(secrets)
        async with opened_sources(where, accesses, Path(folder)) as sources:
            origins = _origins(config)

            async def said() -> Findings:
                return findings

            async def nothing() -> Findings:
                hidden = f"only the first {_MOST} of {len(origins)} are asked"
                return [Finding(REPOSITORIES, "all", Severity.UNKNOWN, hidden)]

            checks = [Check(REPOSITORIES, "repositoriesFrom", said)] if findings else []
            checks += [_check(sources, accesses, origin, _seconds(config)) for origin in origins[:_MOST]]
            yield [*checks, Check(REPOSITORIES, "all", nothing)] if len(origins) > _MOST else checks


def _check(sources: AllSources, accesses: Accesses, origin: str, seconds: float) -> Check:
    shown = shown_url(parse_origin(origin).url)
    chart = parse_origin(origin).chart
    subject = f"{shown} chart {chart}" if chart else shown

    async def look() -> Findings:
        try:
            refs = await sources.refs(origin, fresh=True)
        except SourceError as error:
            return [problem(REPOSITORIES, subject, error)]
        how = "with credentials" if accesses.find(origin).has_credentials else "without credentials"
        what = "refs" if parse_origin(origin).kind is OriginKind.GIT else "versions"
        return [Finding(REPOSITORIES, subject, Severity.OK, f"answers, {how}: {len(refs.commits)} {what}")]

    return Check(REPOSITORIES, subject, look, seconds)


def _seconds(config: Config) -> float:
    return max(config.git.timeout_seconds, config.artifacts.timeout_seconds) + 5.0


def _origins(config: Config) -> Sequence[str]:
    used = [source.origin for spec in config.applications for source in spec.sources]
    configured = [access.url for access in config.repositories if access.kind is OriginKind.GIT]
    return list(dict.fromkeys((*configured, *used)))


def _read(secrets: RepositoryAnswers) -> Findings:
    """What was read of Argo CD's Secrets, and what could not be."""
    findings: list[Finding] = []
    for place, answer in secrets.items():
        subject = f"Secrets in {place.namespace} of cluster {place.cluster}"
        if isinstance(answer, GitopsdError):
            findings.append(problem(REPOSITORIES, subject, answer))
            continue
        findings += [Finding(REPOSITORIES, subject, Severity.WARNING, warning) for warning in answer.warnings]
        count = len(answer.repositories) + len(answer.templates)
        findings.append(Finding(REPOSITORIES, subject, Severity.OK, f"{count} entries and templates"))
    return findings
