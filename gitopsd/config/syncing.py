"""From what is written under `sync` in the main file to values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.settings import Sync
from gitopsd.config.validation import shown_path
from gitopsd.config.values import SyncSettings
from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.ids import GroupKind

_GROUP: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_KIND: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,62}", re.ASCII)
# Kinds of other groups that are easily taken for some of the core group: without their group they would mean nothing.
_GROUPS: Final = {
    "CustomResourceDefinition": "apiextensions.k8s.io",
    "StatefulSet": "apps",
    "Deployment": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
    "CronJob": "batch",
    "Ingress": "networking.k8s.io",
    "StorageClass": "storage.k8s.io",
    "ClusterRole": "rbac.authorization.k8s.io",
    "ClusterRoleBinding": "rbac.authorization.k8s.io",
}


def sync_settings(model: Sync, document: Document, problems: Problems) -> SyncSettings:
    """All of `sync` but for `impersonation`; what cannot be used is noted and left out."""
    breaker = model.circuit_breaker
    return SyncSettings(
        timeout_seconds=model.timeout,
        hook_timeout_seconds=model.hook_timeout or None,
        protected_kinds=frozenset(_protected(model, document, problems)),
        breaker=BreakerSettings(
            within=breaker.within,
            prune_share=breaker.prune_limit,
            prune_objects=breaker.prune_objects,
            failed_share=breaker.failed_limit,
            failed_apps=breaker.failed_applications,
            probe_seconds=breaker.probe_interval,
        )
        if breaker.enabled
        else None,
    )


def _protected(model: Sync, document: Document, problems: Problems) -> Iterator[GroupKind]:
    for index, written in enumerate(model.protected_kinds):
        path: KeyPath = ("sync", "protectedKinds", index)
        group, slash, kind = written.rpartition("/")
        if not _KIND.fullmatch(kind) or (slash and not _GROUP.fullmatch(group)):
            problems.add(
                document.position(path), f"{shown_path(path)} is no kind", why="expected GROUP/KIND, or KIND alone"
            )
        elif not slash and kind in _GROUPS:
            problems.add(
                document.position(path),
                f"{shown_path(path)}: the core group has no {kind}",
                why="KIND alone is one of the core group",
                hint=f"{_GROUPS[kind]}/{kind}",
            )
        else:
            yield GroupKind(group, kind)
