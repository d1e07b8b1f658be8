"""YAML files to values: pydantic models, positions in messages, includes, secrets references, reload."""

from __future__ import annotations

from gitopsd.config.childapps import child_application
from gitopsd.config.errors import ConfigErrors
from gitopsd.config.load import load
from gitopsd.config.models.tracing import has_tracing
from gitopsd.config.secretfiles import exposed
from gitopsd.config.values import (
    ArtifactSettings,
    BackoffSettings,
    ClusterSecrets,
    Config,
    GitSettings,
    LogSettings,
    ReconcileSettings,
    RenderSettings,
    RepositorySecrets,
    ServerSettings,
    TracingSettings,
)
from gitopsd.config.watch import changes, watchable

__all__ = [
    "ArtifactSettings",
    "BackoffSettings",
    "ClusterSecrets",
    "Config",
    "ConfigErrors",
    "GitSettings",
    "LogSettings",
    "ReconcileSettings",
    "RenderSettings",
    "RepositorySecrets",
    "ServerSettings",
    "TracingSettings",
    "changes",
    "child_application",
    "exposed",
    "has_tracing",
    "load",
    "watchable",
]
