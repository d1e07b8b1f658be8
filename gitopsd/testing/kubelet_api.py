"""What the fake kubelet asks of an API server, on whichever client it is given (gitopsd.kube's KubeHttp fits)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

import anyio
import orjson

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.jsonvalue import JsonObject, integer, mapping, objects, text, value

_PODS: Final = "/api/v1/pods"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_PAGE: Final = "500"
# Answers of an API server that is starting, ending or busy.
_LATER: Final = frozenset({429, 500, 502, 503, 504})
_LONGEST_PAUSE_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 600


class KubeAnswer(Protocol):
    """An answer of any status."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """All of it."""
        ...


class KubeClient(Protocol):
    """Requests to one API server. Raises `ClusterDown` where no answer comes."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> KubeAnswer:
        """One answer; 429 and 5xx have been tried again."""
        ...

    def batches(
        self, path: str, query: Mapping[str, str] | None = None, *, idle_timeout: float = 600.0
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """The lines of a watch, those that came together in one list. Raises `ClusterError` for a refusal."""
        ...


class PodEvent(NamedTuple):
    """One pod: it is like this now, or it is gone."""

    pod: JsonObject
    is_gone: bool = False


class PodKey(NamedTuple):
    """One pod, and no other of the same name."""

    namespace: str
    name: str
    uid: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


def key_of(pod: JsonObject) -> PodKey:
    """The key of a Pod object."""
    return PodKey(*(text(pod, "metadata", part) for part in ("namespace", "name", "uid")))


class KubeletApi:
    """The requests of a kubelet and a scheduler. All wait for a cluster that is down."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def register(self, node: JsonObject) -> None:
        """Make the Node object, or bring an old one of that name up to date. Raises `ClusterError` if refused."""
        name, status = text(node, "metadata", "name"), value(node, "status")
        made = await self._ask("POST", "/api/v1/nodes", orjson.dumps(node))
        if made.status not in (201, 409):
            raise _refused(f"node {name} cannot be registered", made)
        patch = orjson.dumps({"metadata": value(node, "metadata"), "status": status})
        for path in (f"/api/v1/nodes/{name}", f"/api/v1/nodes/{name}/status"):
            told = await self._ask("PATCH", path, patch, content_type=_STRATEGIC)
            if told.status != 200:
                raise _refused(f"node {name} cannot be registered", told)

    async def bind(self, key: PodKey, node: str) -> bool:
        """Give the pod to `node`, as a scheduler does; False if the pod is gone."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"metadata": {"name": key.name, "uid": key.uid}, "target": target}
        answer = await self._ask("POST", f"{key.path}/binding", orjson.dumps(binding))
        return answer.status in (201, 409)

    async def report(self, key: PodKey, status: Mapping[str, object]) -> bool:
        """Write the pod's status; False if the pod is gone. Raises `ClusterError` if the status is refused."""
        body = orjson.dumps({"metadata": {"uid": key.uid}, "status": status})
        answer = await self._ask("PATCH", f"{key.path}/status", body, content_type=_STRATEGIC)
        if answer.status not in (200, 404, 409):
            raise _refused(f"the status of pod {key.namespace}/{key.name} was refused", answer)
        return answer.status == 200

    async def remove(self, key: PodKey) -> None:
        """Say that nothing of a pod that is being deleted runs any more."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": key.uid}}
        await self._ask("DELETE", key.path, orjson.dumps(options))

    async def pods(self) -> AsyncIterator[list[PodEvent] | None]:
        """All pods as they are and as they change, for ever; None between the first list and what comes after.

        A dropped watch goes on where it was; where it cannot (410), everything is listed again, and the pods that are
        not in the list are named as gone.
        """
        pause = 0.1
        known: dict[str, JsonObject] = {}
        version = ""
        first = True
        while True:
            try:
                if not version:
                    listed, version = await self._list()
                    gone = [PodEvent(pod, True) for uid, pod in known.items() if uid not in listed]
                    known = {uid: _stub(pod) for uid, pod in listed.items()}
                    yield [*gone, *(PodEvent(pod) for pod in listed.values())]
                    if first:
                        yield None
                        first = False
                query = {
                    "watch": "true",
                    "resourceVersion": version,
                    "allowWatchBookmarks": "true",
                    "timeoutSeconds": str(_WATCH_SECONDS),
                }
                async with self._client.batches(_PODS, query, idle_timeout=_WATCH_SECONDS + 60.0) as batches:
                    pause = 0.1
                    async for lines in batches:
                        events, version = _events(lines, known, version)
                        if events:
                            yield events
                        if not version:
                            break
            except ClusterError as error:
                if error.status == 410:
                    version = ""
                elif not isinstance(error, ClusterDown) and error.status not in _LATER:
                    raise
            await anyio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _list(self) -> tuple[dict[str, JsonObject], str]:
        found: dict[str, JsonObject] = {}
        query = {"limit": _PAGE}
        while True:
            answer = await self._ask("GET", _PODS, None, query=query)
            if answer.status != 200:
                raise _refused("pods cannot be listed", answer)
            page = orjson.loads(answer.body)
            found.update({text(pod, "metadata", "uid"): pod for pod in objects(page, "items")})
            more = text(page, "metadata", "continue")
            if not more:
                return found, text(page, "metadata", "resourceVersion")
            query = {"limit": _PAGE, "continue": more}

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> KubeAnswer:
        pause = 0.1
        while True:
            with contextlib.suppress(ClusterDown):
                answer = await self._client.call(method, path, query=query, body=body, content_type=content_type)
                if answer.status not in _LATER:
                    return answer
            await anyio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _stub(pod: JsonObject) -> JsonObject:
    """What names a pod that has gone."""
    return {"metadata": {part: text(pod, "metadata", part) for part in ("namespace", "name", "uid")}}


def _events(lines: list[bytes], known: dict[str, JsonObject], version: str) -> tuple[list[PodEvent], str]:
    """The pods in some lines of a watch, and where to go on; "" where the API server cannot."""
    found: list[PodEvent] = []
    for line in lines:
        event = orjson.loads(line)
        pod = mapping(event, "object")
        kind = text(event, "type")
        if kind == "ERROR":
            if integer(pod, "code") in (410, 504):
                return found, ""
            raise ClusterError("the watch of pods was refused", why=text(pod, "message"), status=integer(pod, "code"))
        version = text(pod, "metadata", "resourceVersion") or version
        if kind == "BOOKMARK":
            continue
        uid = text(pod, "metadata", "uid")
        if kind == "DELETED":
            known.pop(uid, None)
        else:
            known[uid] = _stub(pod)
        found.append(PodEvent(pod, kind == "DELETED"))
    return found, version


def _refused(what: str, answer: KubeAnswer) -> ClusterError:
    try:
        why = text(orjson.loads(answer.body), "message")
    except orjson.JSONDecodeError:
        why = f"HTTP {answer.status}"
    hint = "the fake kubelet needs a user of the group system:masters"
    return ClusterError(what, why=why, hint=hint, status=answer.status)
