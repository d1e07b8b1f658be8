"""What the credentials of a cluster are allowed there, and how its clock goes: looked at without touching an object.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import anyio

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, mapping, objects, text
from gitopsd.core.rbac import Need, Rule, rule_of
from gitopsd.kube.answer import Answer
from gitopsd.kube.body import parsed
from gitopsd.kube.discovery import discover
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.refusal import Asked, refused
from gitopsd.kube.resource import Resource
from gitopsd.kube.write import review
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import ClusterAccess

_SECONDS: Final = 10.0
_EVERYTHING: Final = Need("", "*", "*", "*")


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a cluster says of itself: its version, and by how many seconds its clock is ahead (None: it told none)."""

    version: str
    ahead: float | None


class Inspector:
    """Asks one cluster about itself, `http` being open. All methods raise `ClusterError`."""

    def __init__(self, access: ClusterAccess, http: KubeHttp, clock: Clock) -> None:
        self._access = access
        self._http = http
        self._clock = clock

    async def greet(self) -> Greeting:
        """One request."""
        before = self._clock.now()
        answer = await self._http.request("GET", "/version", verb="version", timeout=_SECONDS)
        after = self._clock.now()
        asked = Asked(self._http.cluster, "get", "/version")
        if not answer.ok and answer.status != 403:
            raise refused(asked, answer)
        version = text(parsed(answer.body, asked), "gitVersion") if answer.ok else ""
        return Greeting(version, _ahead(answer, before.timestamp(), after.timestamp()))

    async def served(self) -> Mapping[GroupKind, Resource]:
        """Every kind, at the version that is preferred."""
        found: dict[GroupKind, Resource] = {}
        for resource in await discover(self._http):
            found.setdefault(resource.gvk.group_kind, resource)
        return found

    async def missing(self, needs: Collection[Need]) -> frozenset[Need]:
        """Those of the needs that are not allowed.

        Who may do everything is asked once. Else a namespace's own rules are looked at together, and what they do not
        allow is asked one by one: rules may be incomplete, where something else than RBAC decides too.
        """
        if await self._allowed(_EVERYTHING):
            return frozenset()
        rules: dict[str, tuple[Rule, ...]] = {}
        for namespace in sorted({need.namespace for need in needs} - {""}):
            rules[namespace] = await self._rules(namespace)
        doubtful = [need for need in needs if not any(rule.allows(need) for rule in rules.get(need.namespace, ()))]
        refused_ones: set[Need] = set()
        failed: list[ClusterError] = []

        async def ask(need: Need) -> None:
            try:
                if not await self._allowed(need):
                    refused_ones.add(need)
            except ClusterError as error:
                failed.append(error)

        async with anyio.create_task_group() as tasks:
            for need in doubtful:
                tasks.start_soon(ask, need)
        if failed:
            raise failed[0]
        return frozenset(refused_ones)

    async def _rules(self, namespace: str) -> tuple[Rule, ...]:
        answer = await self._review("SelfSubjectRulesReview", {"namespace": namespace})
        return tuple(
            rule for told in objects(mapping(answer, "status"), "resourceRules") if (rule := rule_of(told)) is not None
        )

    async def _allowed(self, need: Need) -> bool:
        resource, _, subresource = need.resource.partition("/")
        attributes = {
            "namespace": need.namespace,
            "verb": need.verb,
            "group": need.group,
            "resource": resource,
            "subresource": subresource,
        }
        answer = await self._review("SelfSubjectAccessReview", {"resourceAttributes": attributes})
        return boolean(answer, "status", "allowed")

    async def _review(self, kind: str, spec: Mapping[str, JsonValue]) -> JsonObject:
        answer = await review(self._http, kind, spec, timeout=_SECONDS)
        asked = Asked(self._http.cluster, "create", kind)
        if not answer.ok:
            raise refused(asked, answer)
        return parsed(answer.body, asked)


def _ahead(answer: Answer, before: float, after: float) -> float | None:
    """By its Date header, which is cut to seconds: what may be the time of the way is not counted."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return None
    if told + 1 < before:
        return told + 1 - before
    return max(0.0, told - after)
