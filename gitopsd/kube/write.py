"""The one place that changes a cluster (R2, design decision 13).

`write` sends every request that changes something and demands a permit for exactly that object; `rehearse` sends
server-side dry-runs, and `review` asks what one may do: neither changes anything. A test holds that nothing else in
gitopsd sends other methods than GET.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import orjson

from gitopsd.core.annotations import OPERATION
from gitopsd.core.emptied import emptied
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.ownership import FIELD_MANAGER
from gitopsd.core.permit import Permit
from gitopsd.kube.adopt import JSON_PATCH, Known, Send, adopt, settle
from gitopsd.kube.answer import Answer
from gitopsd.kube.body import parsed, parsed_object
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.kube.refusal import Asked, body_of_secret, refused
from gitopsd.kube.replacement import replacement
from gitopsd.kube.resource import Resource
from gitopsd.kube.retry import Attempts, RetryPolicy
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Patch

APPLY: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
# Not our own: fields that an action sets must never be taken for those that git had.
_PATCHER: Final = f"{FIELD_MANAGER}-patch"
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_CREATED: Final = 201
_PROPAGATIONS: Final = frozenset({"Foreground", "Background", "Orphan"})
_SUBRESOURCES: Final = frozenset({"", "scale", "status"})
_REVIEWS: Final = frozenset({"SelfSubjectAccessReview", "SelfSubjectRulesReview"})
_VERBS: Final = {"POST": "create", "PUT": "replace", "PATCH": "apply", "DELETE": "delete"}

OnWarning = Callable[[ObjectKey, str], None]
Fetch = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Order:
    """One object to write: with which permit, where, as whom; `validate`: typos in fields are told as warnings (what
    other tools apply must not fail here), without it they are not told. `fetch` reads it as it is now, b"" if it is not
    there.
    """

    permit: Permit
    resource: Resource
    desired: DesiredObject
    fetch: Fetch
    impersonate: str = ""
    validate: bool = True

    @property
    def query(self) -> Mapping[str, str]:
        """Who writes, and how the fields are looked at."""
        return {"fieldManager": FIELD_MANAGER, "fieldValidation": "Warn" if self.validate else "Ignore"}


class Writer:
    """Changes objects of one cluster. `on_warning` hears what the API server warns of. All raise `ClusterError`."""

    def __init__(self, http: KubeHttp, clock: Clock, on_warning: OnWarning) -> None:
        self._http = http
        self._clock = clock
        self._on_warning = on_warning

    async def apply(self, order: Order, before: bytes = b"") -> bytes:
        """Server-side apply by force; the object's JSON as it is afterwards.

        `before` is the object before, if somebody has it: what others applied of it is taken over first.
        """
        if before:
            known = self._known(before, order)
            refusal = await adopt(known, order.desired, self._rewriting(order), self._attempts())
            if refusal is not None:
                raise refused(known.asked, refusal)
        answer = await self._apply(order)
        after = self._checked("apply", order, answer)
        if answer.status != _CREATED and emptied(order.desired.document.body(), after):
            again = await self._apply(order)
            answer = again if again.ok else answer
        return answer.body.strip()

    async def replace(self, order: Order) -> bytes:
        """Put the object in the place of what is there (`kubectl replace`), or make it; its JSON afterwards."""
        answer = await self._replace(order)
        self._checked("replace", order, answer)
        known = self._known(answer.body, order)
        refusal = await settle(known, order.desired, self._rewriting(order), self._attempts())
        if refusal is not None:
            raise refused(known.asked, refusal)
        return await order.fetch() or answer.body.strip()

    async def create(self, order: Order) -> bytes:
        """Make an object that is not there; its JSON as it is afterwards."""
        answer = await self._create(order)
        if answer.status == 409 and answer.again:
            there = await order.fetch()
            if there and _same_operation(self._parsed(there, order), order.desired.document.body()):
                return there
        self._checked("create", order, answer)
        return answer.body.strip()

    async def patch(
        self, permit: Permit, resource: Resource, live: LiveObject, patch: Patch, *, impersonate: str = ""
    ) -> bytes:
        """Change a live object as a merge patch says; the answer's JSON (of `scale` that is not the object)."""
        if patch.subresource not in _SUBRESOURCES:
            raise ClusterError(
                f"{patch.subresource!r} is no subresource that can be patched",
                where=str(live.key),
                hint="use scale, status or none",
            )
        path = resource.path(live.key)
        body = {**patch.body, "metadata": {**mapping(patch.body, "metadata"), "uid": live.uid}}
        answer = await write(
            self._http,
            permit,
            live.key,
            method="PATCH",
            path=f"{path}/{patch.subresource}" if patch.subresource else path,
            query={"fieldManager": _PATCHER},
            body=orjson.dumps(body),
            content_type=MERGE_PATCH,
            impersonate=impersonate,
        )
        asked = Asked(self._http.cluster, "patch", live.key.kind, live.key, body_of_secret(live.key, patch.body))
        if not answer.ok:
            raise refused(asked, answer)
        parsed_object(answer.body, asked)
        self._warn(live.key, answer)
        return answer.body.strip()

    async def delete(
        self, permit: Permit, resource: Resource, live: LiveObject, propagation: str, *, impersonate: str = ""
    ) -> None:
        """Delete the object with this uid. One that is gone, or replaced by another of its name, is no error."""
        if propagation not in _PROPAGATIONS:
            raise ClusterError(
                f"{propagation!r} is no propagation policy",
                where=str(live.key),
                hint=f"use one of {', '.join(sorted(_PROPAGATIONS))}",
            )
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": live.uid},
            "propagationPolicy": propagation,
        }
        answer = await write(
            self._http,
            permit,
            live.key,
            method="DELETE",
            path=resource.path(live.key),
            body=orjson.dumps(options),
            impersonate=impersonate,
        )
        if not answer.ok and answer.status not in (404, 409):
            raise refused(Asked(self._http.cluster, "delete", live.key.kind, live.key), answer)

    async def rehearse(self, resource: Resource, desired: DesiredObject, *, impersonate: str = "") -> bytes:
        """The object's JSON as an apply would leave it. Raises `ClusterError`."""
        answer = await self._http.call(
            "PATCH",
            resource.path(desired.key),
            query={"fieldManager": FIELD_MANAGER, "fieldValidation": "Warn", "force": "true", "dryRun": "All"},
            body=desired.document.raw,
            content_type=APPLY,
            verb="dry-run",
            kind=desired.key.kind,
            impersonate=impersonate,
        )
        asked = self._asked("apply", desired)
        if not answer.ok:
            raise refused(asked, answer)
        parsed_object(answer.body, asked)
        return answer.body.strip()

    # ---- inside

    async def _apply(self, order: Order) -> Answer:
        attempts = self._attempts()
        while True:
            answer = await self._send(
                order, "PATCH", order.desired.document.raw, {**order.query, "force": "true"}, APPLY
            )
            delay = attempts.next_delay(answer.retry_after) if answer.status == 409 else None
            if delay is None:
                return answer
            await anyio.sleep(delay)

    async def _replace(self, order: Order) -> Answer:
        """Read, then put or make; again if that is no longer how it was (409, or 404 of a PUT)."""
        attempts = self._attempts()
        body = order.desired.document.body()
        while True:
            there = await order.fetch()
            if there:
                answer = await self._send(order, "PUT", replacement(body, self._parsed(there, order)), order.query)
            else:
                answer = await self._create(order)
            moved = answer.status == 409 or (answer.status == 404 and there)
            delay = attempts.next_delay(answer.retry_after) if moved else None
            if delay is None:
                return answer
            await anyio.sleep(delay)

    async def _create(self, order: Order) -> Answer:
        """Nothing but the body says how an object that is made is called: it has to be what the permit is for."""
        key = order.desired.key
        order.resource.path(key)
        named = text(order.desired.document.body(), "metadata", "name")
        if named != key.name:
            raise ClusterError(
                f"the object would be called {named[:100]!r}",
                where=str(key),
                hint="name it before it is made",
                status=422,
                reason="Invalid",
            )
        return await self._send(order, "POST", order.desired.document.raw, order.query)

    async def _send(
        self, order: Order, method: str, body: bytes, query: Mapping[str, str], content_type: str = JSON
    ) -> Answer:
        key = order.desired.key
        return await write(
            self._http,
            order.permit,
            key,
            method=method,
            path=order.resource.within(key.namespace) if method == "POST" else order.resource.path(key),
            query=query,
            body=body,
            content_type=content_type,
            impersonate=order.impersonate,
        )

    def _rewriting(self, order: Order) -> Send:
        async def send(patch: bytes) -> Answer:
            return await self._send(order, "PATCH", patch, {"fieldManager": FIELD_MANAGER}, JSON_PATCH)

        return send

    def _known(self, raw: bytes, order: Order) -> Known:
        return Known(raw, order.fetch, self._asked("take over", order.desired))

    def _parsed(self, raw: bytes, order: Order) -> JsonObject:
        return parsed(raw, self._asked("read", order.desired))

    def _attempts(self) -> Attempts:
        return Attempts(RetryPolicy(), self._clock, self._clock.monotonic())

    def _asked(self, verb: str, desired: DesiredObject) -> Asked:
        key = desired.key
        secret = body_of_secret(key, desired.document.body()) if key.kind == "Secret" else None  # parsing takes time
        return Asked(self._http.cluster, verb, key.kind, key, secret)

    def _checked(self, verb: str, order: Order, answer: Answer) -> JsonObject:
        """The object that the answer holds."""
        asked = self._asked(verb, order.desired)
        if not answer.ok:
            raise refused(asked, answer)
        body = parsed_object(answer.body, asked)
        self._warn(order.desired.key, answer)
        return body

    def _warn(self, key: ObjectKey, answer: Answer) -> None:
        header = answer.headers.get("warning")
        if header is None:
            return
        if key.group_kind == ("", "Secret"):
            self._on_warning(key, "the API server warned of this Secret; its words may hold values and are not shown")
            return
        for message in _WARNING.findall(header):
            self._on_warning(key, message.replace('\\"', '"'))


async def review(http: KubeHttp, kind: str, spec: Mapping[str, JsonValue], *, timeout: float) -> Answer:
    """What the API server says to a review of one's own rights (`SelfSubjectAccessReview`, `SelfSubjectRulesReview`):
    these are created, answered and not kept. `timeout` is seconds. Raises `ClusterError`.
    """
    if kind not in _REVIEWS:
        raise PermissionError(f"{kind} is no review of one's own rights")
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
    return await http.call("POST", path, body=orjson.dumps(body), verb="create", kind=kind, timeout=timeout)


async def write(
    http: KubeHttp,
    permit: Permit,
    key: ObjectKey,
    *,
    method: str,
    path: str,
    body: bytes,
    query: Mapping[str, str] | None = None,
    content_type: str = JSON,
    impersonate: str = "",
) -> Answer:
    """Send a request that changes the object `key`. Raises `PermissionError` if the permit is for another object, or to
    write as somebody else than `impersonate`.
    """
    if permit.key != key:
        raise PermissionError(f"the permit of {permit.app} is for {permit.key}, not for {key}")
    if permit.impersonate not in ("", impersonate):
        raise PermissionError(f"the permit of {permit.app} is one to write as {permit.impersonate}")
    return await http.call(
        method,
        path,
        query=query,
        body=body,
        content_type=content_type,
        verb="patch" if content_type == MERGE_PATCH else _VERBS[method],
        kind=key.kind,
        impersonate=impersonate,
    )


def _same_operation(there: JsonObject, wanted: JsonObject) -> bool:
    """Whether the object is the one that our own first try made: of the same operation, and not on its way out."""
    metadata = mapping(there, "metadata")
    mine = text(wanted, "metadata", "annotations", OPERATION)
    return mine != "" and text(metadata, "annotations", OPERATION) == mine and "deletionTimestamp" not in metadata
