"""All checks in their order."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.config import Config, ConfigErrors, load
from gitopsd.core.doctor import Finding, Report, Severity

_CONFIGURATION = "configuration"


def examine(path: str, environ: Mapping[str, str]) -> Report:
    """Look at everything that the configuration at `path` needs. Blocks; never raises for what it finds."""
    _, findings = _configuration(path, environ)
    return Report(findings)


def _configuration(path: str, environ: Mapping[str, str]) -> tuple[Config | None, tuple[Finding, ...]]:
    try:
        config = load(path, environ=environ)
    except ConfigErrors as errors:
        return None, tuple(
            Finding(
                _CONFIGURATION,
                each.where,
                Severity.PROBLEM,
                f"{each.what}: {each.why}" if each.why else each.what,
                each.hint,
            )
            for each in errors.errors
        )
    counts = f"{len(config.applications)} applications, {len(config.clusters)} clusters"
    valid = Finding(_CONFIGURATION, path, Severity.OK, f"valid: {counts}, {len(config.repositories)} repositories")
    warnings = (Finding(_CONFIGURATION, path, Severity.WARNING, warning) for warning in config.warnings)
    return config, (valid, *warnings)
