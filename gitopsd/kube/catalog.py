"""What an API server serves, remembered, and kept up where it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import anyio

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.kube.discovery import discover, discover_group, discover_version
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.refusal import concerns_all
from gitopsd.kube.resource import Resource
from gitopsd.ports.clock import Clock

# Groups of the API server's own kinds. Any other group comes from a CustomResourceDefinition or an aggregated API.
BUILT_IN: Final = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
_UNKNOWN_SECONDS: Final = 2.0
_AGE_SECONDS: Final = 600.0


class _Question(NamedTuple):
    """When a version of a group was asked for last (monotonic seconds), and the error that came instead."""

    at: float
    refused: ClusterError | None = None


class Catalog:
    """The served kinds of one cluster. Methods that await raise `ClusterError` if the API server does not tell."""

    def __init__(self, http: KubeHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = anyio.Lock()
        self._resources: dict[GVK, Resource] = {}
        self._preferred: dict[GroupKind, Resource] = {}
        self._api_versions: tuple[str, ...] | None = None
        self._loaded_at: float | None = None
        self._asked: dict[tuple[str, str], _Question] = {}
        self._plurals: set[tuple[str, str]] = set()
        self._silent: dict[str, ClusterError] = {}
        self.is_followed = False

    async def resource(self, gvk: GVK) -> Resource | None:
        """The kind at this version. One that is not known is asked for again, at most every two seconds.

        None also for a kind of an API that does not answer; then `silence` says why. Who asks while another's question
        is under way gets its answer, or its error.
        """
        await self._load()
        if gvk not in self._resources and self._may_be_asked(gvk):
            async with self._lock:
                if gvk not in self._resources and self._may_be_asked(gvk):
                    await self._ask(gvk)
        return self._resources.get(gvk)

    def silence(self, group: str) -> ClusterError | None:
        """Why a group did not tell its kinds when it was asked last; None if it did."""
        return self._silent.get(group)

    async def _ask(self, gvk: GVK) -> None:
        try:
            self._add(await self._discovered(gvk))
        except ClusterError as error:
            self._asked[gvk[:2]] = _Question(self._clock.monotonic(), error)
            raise
        self._asked[gvk[:2]] = _Question(self._clock.monotonic())

    async def _discovered(self, gvk: GVK) -> list[Resource]:
        try:
            found = await discover_version(self._http, gvk.group, gvk.version)
        except ClusterError as error:
            if concerns_all(error) or error.status < 500:
                raise
            self._silent[gvk.group] = error
            return []
        self._silent.pop(gvk.group, None)
        return found

    async def preferred(self, kind: GroupKind) -> Resource | None:
        """The kind at the version that the API server prefers. A kind that is not known is not asked for."""
        await self._load()
        return self._preferred.get(kind)

    async def namespaced(self) -> tuple[Resource, ...]:
        """Every kind whose objects are in namespaces and can be watched, at the preferred version."""
        await self._load()
        return tuple(item for item in self._preferred.values() if item.namespaced and item.watchable)

    async def api_versions(self) -> tuple[str, ...]:
        """`apps/v1` and `apps/v1/Deployment` of everything that is served, sorted.

        At most ten minutes old where nothing follows the definitions of kinds.
        """
        await self._load(max_age=None if self.is_followed else _AGE_SECONDS)
        if self._api_versions is None:
            served = [gvk for gvk, resource in self._resources.items() if resource.served]
            names = {gvk.api_version for gvk in served} | {f"{gvk.api_version}/{gvk.kind}" for gvk in served}
            self._api_versions = tuple(sorted(names))
        return self._api_versions

    def size(self) -> int:
        """How many kinds the cluster is known to serve; 0 before anybody asked."""
        return len(self._preferred)

    def forget(self) -> None:
        """Ask for everything anew at the next occasion (the connection was lost: it may be another server now)."""
        self._loaded_at = None
        self._asked.clear()
        self._silent.clear()

    def has_plural(self, plural: str, group: str) -> bool:
        """Whether a resource of this name is known."""
        return (plural, group) in self._plurals

    async def refresh_group(self, group: str) -> frozenset[GroupKind]:
        """Ask for one group anew; the kinds that came, went or changed."""
        async with self._lock:
            fresh = await discover_group(self._http, group)
            self._silent.pop(group, None)
            before = {gvk: item for gvk, item in self._resources.items() if gvk.group == group}
            after = {item.gvk: item for item in fresh}
            if before == after:
                return frozenset()
            for gvk in before:
                del self._resources[gvk]
            self._plurals = {pair for pair in self._plurals if pair[1] != group}
            self._asked = {key: at for key, at in self._asked.items() if key[0] != group}
            self._add(fresh)
            self._prefer()
            return frozenset(gvk.group_kind for gvk, _ in before.items() ^ after.items())

    def _may_be_asked(self, gvk: GVK) -> bool:
        """False for what was asked a moment ago; raises the error that came then."""
        if gvk.group in BUILT_IN:
            return False
        asked = self._asked.get(gvk[:2])
        if asked is None or self._clock.monotonic() - asked.at >= _UNKNOWN_SECONDS:
            return True
        if asked.refused is not None:
            raise asked.refused
        return False

    async def _load(self, max_age: float | None = None) -> None:
        if self._is_young(max_age):
            return
        async with self._lock:
            if self._is_young(max_age):
                return
            fresh = await discover(self._http)
            self._resources.clear()
            self._plurals.clear()
            self._add(fresh)
            self._prefer()
            self._loaded_at = self._clock.monotonic()

    def _is_young(self, max_age: float | None) -> bool:
        if self._loaded_at is None:
            return False
        return max_age is None or self._clock.monotonic() - self._loaded_at < max_age

    def _add(self, fresh: Iterable[Resource]) -> None:
        for item in fresh:
            self._plurals.add((item.plural, item.gvk.group))
            known = self._resources.get(item.gvk)
            if known is None or len(item.verbs) >= len(known.verbs):
                self._resources[item.gvk] = item
            self._preferred.setdefault(item.gvk.group_kind, item)
        self._api_versions = None

    def _prefer(self) -> None:
        self._preferred = {}
        for gvk, item in self._resources.items():
            self._preferred.setdefault(gvk.group_kind, item)
