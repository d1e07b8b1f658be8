"""Clusters: whether they answer, how their clocks go, and what the daemon is not allowed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

from gitopsd.core.counts import counted
from gitopsd.core.doctor import Finding, Severity, skew
from gitopsd.core.ids import GroupKind
from gitopsd.core.rbac import READ, WRITE, Need, lacking
from gitopsd.core.tree.kinds import with_children
from gitopsd.daemon.childkinds import child_kinds
from gitopsd.daemon.doctor.checks import Check, Findings
from gitopsd.daemon.doctor.patient import Patient
from gitopsd.kube.clusters import is_meant
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.permissions import Greeting, Inspector
from gitopsd.kube.resource import Resource
from gitopsd.ports.cluster import ClusterAccess

CLUSTERS: Final = "clusters"
_SECONDS: Final = 45.0
_NAMESPACE: Final = GroupKind("", "Namespace")
_CREATE_NAMESPACE: Final = "CreateNamespace"
_IN_NONE: Final = "outside of namespaces"


def cluster_checks(patient: Patient) -> Sequence[Check]:
    """One for each cluster of the configuration."""

    def of(access: ClusterAccess) -> Check:
        async def look() -> Findings:
            return await _examined(patient, access)

        return Check(CLUSTERS, access.name, look, _SECONDS)

    found = [of(access) for access in patient.config.clusters]
    if patient.config.clusters_from:

        async def elsewhere() -> Findings:
            said = "clusters of Argo CD's Secrets are not looked at here; `gitopsd cluster list` shows them"
            return [Finding(CLUSTERS, "clustersFrom", Severity.UNKNOWN, said)]

        found.append(Check(CLUSTERS, "clustersFrom", elsewhere))
    return found


async def _examined(patient: Patient, access: ClusterAccess) -> Findings:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(KubeHttp(access, clock=patient.clock))
        inspector = Inspector(access, http, patient.clock)
        greeting = await inspector.greet()
        findings = [*_greeted(access.name, greeting)]
        served = await inspector.served()
        wanted = _Wanted(patient, access, http.server, served)
        missing = await inspector.missing(wanted.needs)
        return [*findings, *wanted.judged(missing)]


def _greeted(name: str, greeting: Greeting) -> Iterator[Finding]:
    yield Finding(CLUSTERS, name, Severity.OK, f"its API server answers: {greeting.version or 'it hides its version'}")
    if greeting.ahead is not None:
        severity, said = skew(greeting.ahead)
        hint = "" if severity is Severity.OK else "have both keep time by NTP: tokens and certificates have dates"
        yield Finding(CLUSTERS, name, severity, said, hint)


class _Wanted:
    """What the daemon does in one cluster for its applications, as far as it is known from its last looks at them.

    It watches the kinds that it manages, and those that controllers make below them (`below`, without which only tree
    and health know less), and reads and writes objects in the namespaces that it found them in.
    """

    def __init__(
        self, patient: Patient, access: ClusterAccess, server: str, served: Mapping[GroupKind, Resource]
    ) -> None:
        self._access = access
        self._served = served
        everywhere = patient.config.clusters
        specs = {
            spec.name: spec
            for spec in patient.config.applications
            if is_meant(access, server, everywhere, server=spec.destination.server, name=spec.destination.name)
        }
        self.unknown = [name for name in specs if name not in patient.objects]
        self.applications = len(specs) - len(self.unknown)
        self._impersonating = patient.config.projects.impersonation.enabled
        found = {
            (kind, namespace or specs[name].destination.namespace): name
            for name in sorted(specs, reverse=True)
            for kind, namespace in patient.objects.get(name, ())
        }
        self._outside = {self._out_of_sight(kind, namespace): name for (kind, namespace), name in found.items()}
        self._outside.pop("", None)
        self._objects = {each for each in found if not self._out_of_sight(*each)}
        kinds = {kind for kind, _ in self._objects}
        self._makes_namespaces = any(spec.sync_policy.enabled(_CREATE_NAMESPACE) for spec in specs.values())
        if self._makes_namespaces:
            kinds.add(_NAMESPACE)
        below = set(with_children(kinds, child_kinds)) - kinds
        self.below = frozenset(self._watching(below))
        self._own = frozenset((*self._watching(kinds), *self._touching()))
        self.needs = self._own | self.below

    def judged(self, missing: frozenset[Need]) -> Iterator[Finding]:
        """Findings about what is missing of the needs."""
        name = self._access.name
        essential, rest = missing & self._own, (missing & self.below) - self._own
        if essential:
            said = f"not allowed there: {_told(essential)}"
            yield Finding(
                CLUSTERS, name, Severity.PROBLEM, said, f"bind these rules to its account:\n{lacking(essential)}"
            )
        for where, application in sorted(self._outside.items()):
            its = ", ".join(self._access.namespaces)
            said = f"{application} has objects {where}, which its entry does not name (`namespaces`: {its})"
            what = "set its `clusterResources`" if where == _IN_NONE else "add the namespace to its `namespaces`"
            hint = f"{what}, or take them out of {application}: a role alone changes nothing"
            yield Finding(CLUSTERS, name, Severity.PROBLEM, said, hint)
        if rest:
            said = f"objects below the managed ones cannot be seen: {_told(rest)}"
            yield Finding(CLUSTERS, name, Severity.WARNING, said, f"bind these rules to its account:\n{lacking(rest)}")
        if not missing and self.needs and not self._outside and self.applications:
            all_of_them = counted(self.applications + len(self.unknown), "applications")
            whose = f"{self.applications} of its {all_of_them}" if self.unknown else f"its {all_of_them}"
            need = "needs" if self.applications == 1 else "need"
            said = f"allowed all that {whose} {need} ({counted(len(self.needs), 'permissions')})"
            yield Finding(CLUSTERS, name, Severity.OK, said)
        if self.unknown:
            some = ", ".join(sorted(self.unknown)[:3]) + (", …" if len(self.unknown) > 3 else "")
            said = f"what is needed is not known for {counted(len(self.unknown), 'applications')} not rendered: {some}"
            hint = "`gitopsd render --app NAME --config FILE` says why; the doctor renders at most 50, within a minute"
            yield Finding(CLUSTERS, name, Severity.WARNING, said, hint)

    def _out_of_sight(self, kind: GroupKind, namespace: str) -> str:
        """Where the object is if the cluster's entry keeps the daemon from looking there, whatever its account may."""
        namespaces, resource = self._access.namespaces, self._served.get(kind)
        if not namespaces or resource is None:
            return ""
        if not resource.namespaced:
            return "" if self._access.cluster_resources else _IN_NONE
        return "" if namespace in namespaces else f"in {namespace}"

    def _watching(self, kinds: set[GroupKind]) -> Iterator[Need]:
        for kind in kinds:
            resource = self._served.get(kind)
            if resource is None:
                continue
            for namespace in self._access.namespaces if resource.namespaced and self._access.namespaces else ("",):
                for verb in READ:
                    yield Need(namespace, kind.group, resource.plural, verb)

    def _touching(self) -> Iterator[Need]:
        for kind, namespace in self._objects:
            resource = self._served.get(kind)
            if resource is not None and not self._impersonating:
                for verb in WRITE:
                    yield Need(namespace if resource.namespaced else "", kind.group, resource.plural, verb)
        namespaces = self._served.get(_NAMESPACE)
        if self._makes_namespaces and namespaces is not None and not self._impersonating:
            yield from (Need("", "", namespaces.plural, verb) for verb in ("create", "patch"))
        if self._impersonating:
            yield Need("", "", "serviceaccounts", "impersonate")


def _told(needs: frozenset[Need]) -> str:
    verbs: dict[tuple[str, str], list[str]] = {}
    for each in sorted(needs):
        verbs.setdefault((each.resource, each.namespace), []).append(each.verb)
    told = [
        f"{'/'.join(of)} {resource}{f' in {namespace}' if namespace else ''}"
        for (resource, namespace), of in verbs.items()
    ]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")
