"""The one place that changes a cluster (R2, design decision 13).

`write` sends every request that changes something and demands a permit for exactly that object; `rehearse` sends
server-side dry-runs, which change nothing. A test holds that nothing else in gitopsd sends other methods than GET.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import orjson

from gitopsd.core.emptied import emptied
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.ownership import FIELD_MANAGER
from gitopsd.core.permit import Permit
from gitopsd.kube.adopt import JSON_PATCH, Known, adopt
from gitopsd.kube.answer import Answer
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.kube.refusal import Asked, body_of_secret, refused
from gitopsd.kube.resource import Resource
from gitopsd.kube.retry import Attempts, RetryPolicy
from gitopsd.ports.clock import Clock

APPLY: Final = "application/apply-patch+yaml"
# Typos in fields are told as warnings: what other tools apply must not fail here.
_APPLY_QUERY: Final = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Warn"}
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_CREATED: Final = 201
_PROPAGATIONS: Final = frozenset({"Foreground", "Background", "Orphan"})

OnWarning = Callable[[ObjectKey, str], None]


class Writer:
    """Applies and deletes objects of one cluster. `on_warning` hears what the API server warns of."""

    def __init__(self, http: KubeHttp, clock: Clock, on_warning: OnWarning) -> None:
        self._http = http
        self._clock = clock
        self._on_warning = on_warning

    async def apply(
        self,
        permit: Permit,
        resource: Resource,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        known: Known | None = None,
    ) -> bytes:
        """Server-side apply by force; the object's JSON as it is afterwards. Raises `ClusterError`.

        `known` is the object before, if somebody has it: what others applied of it is taken over first.
        """
        if known is not None:
            await self._adopt(permit, resource, desired, known, impersonate)
        answer = await self._send(permit, resource, desired, impersonate)
        if not answer.ok:
            raise refused(_asked(self._http, "apply", desired), answer)
        self._warn(desired.key, answer)
        if answer.status != _CREATED and emptied(desired.document.body(), orjson.loads(answer.body)):
            again = await self._send(permit, resource, desired, impersonate)
            answer = again if again.ok else answer
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
            query={**_APPLY_QUERY, "dryRun": "All"},
            body=desired.document.raw,
            content_type=APPLY,
            verb="dry-run",
            kind=desired.key.kind,
            impersonate=impersonate,
        )
        if not answer.ok:
            raise refused(_asked(self._http, "apply", desired), answer)
        return answer.body.strip()

    async def _send(self, permit: Permit, resource: Resource, desired: DesiredObject, impersonate: str) -> Answer:
        attempts = Attempts(RetryPolicy(), self._clock, self._clock.monotonic())
        while True:
            answer = await write(
                self._http,
                permit,
                desired.key,
                method="PATCH",
                path=resource.path(desired.key),
                query=_APPLY_QUERY,
                body=desired.document.raw,
                content_type=APPLY,
                impersonate=impersonate,
            )
            delay = attempts.next_delay(answer.retry_after) if answer.status == 409 else None
            if delay is None:
                return answer
            await anyio.sleep(delay)

    async def _adopt(
        self, permit: Permit, resource: Resource, desired: DesiredObject, known: Known, impersonate: str
    ) -> None:
        async def send(patch: bytes) -> Answer:
            return await write(
                self._http,
                permit,
                desired.key,
                method="PATCH",
                path=resource.path(desired.key),
                query={"fieldManager": FIELD_MANAGER},
                body=patch,
                content_type=JSON_PATCH,
                impersonate=impersonate,
            )

        attempts = Attempts(RetryPolicy(), self._clock, self._clock.monotonic())
        refusal = await adopt(known, desired, send, attempts)
        if refusal is not None:
            raise refused(_asked(self._http, "take over", desired), refusal)

    def _warn(self, key: ObjectKey, answer: Answer) -> None:
        header = answer.headers.get("warning")
        if header is None:
            return
        if key.group_kind == ("", "Secret"):
            self._on_warning(key, "the API server warned of this Secret; its words may hold values and are not shown")
            return
        for message in _WARNING.findall(header):
            self._on_warning(key, message.replace('\\"', '"'))


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
    verb = {"PATCH": "apply", "DELETE": "delete"}[method]
    return await http.call(
        method,
        path,
        query=query,
        body=body,
        content_type=content_type,
        verb=verb,
        kind=key.kind,
        impersonate=impersonate,
    )


def _asked(http: KubeHttp, verb: str, desired: DesiredObject) -> Asked:
    secret = body_of_secret(desired.key, desired.document.body())
    return Asked(http.cluster, verb, desired.key.kind, desired.key, secret)
