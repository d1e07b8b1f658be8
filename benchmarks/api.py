"""A client of an API server with nothing between it and the wire, for floors and for the watch that observes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import anyio
import orjson
from anyio.abc import TaskStatus

from benchmarks.floor import open_session
from benchmarks.floor_apply import APPLY, QUERY

MERGE: Final = "application/merge-patch+json"
_CONFIGMAPS: Final = "/api/v1/configmaps"

Name = tuple[str, str]
"""Namespace and name of a ConfigMap."""


class Refused(Exception):  # noqa: N818 (it is the server's answer)
    """The API server did not do what was asked."""


class Api:
    """`async with` opens the session. `Refused` is raised for every answer that is not 2xx."""

    def __init__(self, cluster: Path) -> None:
        self._cluster = cluster

    async def __aenter__(self) -> Self:
        self._session = open_session(self._cluster)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str) -> bytes:
        """The answer's body."""
        return await self._ask("GET", path)

    async def apply(self, path: str, body: bytes) -> bytes:
        """Server-side apply by force, as gitopsd does it."""
        return await self._ask("PATCH", f"{path}?{QUERY}", body, APPLY)

    async def patch(self, path: str, body: bytes, manager: str) -> bytes:
        """A merge patch in the name of another field manager."""
        return await self._ask("PATCH", f"{path}?fieldManager={manager}", body, MERGE)

    async def lines(self, path: str) -> aiohttp.ClientResponse:
        """A long answer; the caller reads its lines and closes it."""
        response = await self._session.get(path)
        if response.status != 200:
            raise Refused(f"GET {path}: {response.status}")
        return response

    async def _ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> bytes:
        headers = {"Content-Type": content_type} if content_type else None
        async with self._session.request(method, path, data=body, headers=headers) as response:
            answer = await response.read()
        if response.status // 100 != 2:
            raise Refused(f"{method} {path}: {response.status} {answer[:300]!r}")
        return answer


class Expectation:
    """That ConfigMaps come to hold a value; made before the change that leads to it."""

    def __init__(self, names: Collection[Name], value: str) -> None:
        self.value = value
        self.missing = set(names)
        self._at = 0.0
        self._met = anyio.Event()

    def see(self, name: Name, value: str, at: float) -> None:
        """A watch showed this."""
        if value == self.value and name in self.missing:
            self.missing.discard(name)
            if not self.missing:
                self._at = at
                self._met.set()

    async def moment(self, deadline: float = 60.0) -> float:
        """When the last of them came to hold it (monotonic seconds). Raises TimeoutError."""
        with anyio.fail_after(deadline):
            await self._met.wait()
        return self._at


class Values:
    """A watch on all ConfigMaps, open before anything is changed, that tells when they hold a value."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._expectations: list[Expectation] = []

    def expect(self, names: Iterable[Name], value: str) -> Expectation:
        """Look out from now on."""
        expectation = Expectation(tuple(names), value)
        self._expectations = [item for item in self._expectations if item.missing]
        self._expectations.append(expectation)
        return expectation

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled."""
        version = orjson.loads(await self._api.get(f"{_CONFIGMAPS}?limit=1"))["metadata"]["resourceVersion"]
        query = f"?watch=true&timeoutSeconds=3600&resourceVersion={version}"
        async with await self._api.lines(_CONFIGMAPS + query) as response:
            task_status.started()
            async for line in response.content:
                at = time.monotonic()
                found = orjson.loads(line)["object"]
                metadata = found["metadata"]
                name = (metadata.get("namespace", ""), metadata.get("name", ""))
                value = found.get("data", {}).get("value", "")
                for expectation in self._expectations:
                    expectation.see(name, value, at)
        raise Refused("the watch ended")
