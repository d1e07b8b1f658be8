"""Whether the API server answers: found out in the background, known to all who ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Final

import anyio
import orjson

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.jsonvalue import text
from gitopsd.kube.http import DISTRUSTED, KubeHttp
from gitopsd.kube.material import CREDENTIALS
from gitopsd.kube.refusal import Asked, refused
from gitopsd.kube.retry import Backoff
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Connection

_PROBE_SECONDS: Final = 5.0
_PROBE_PACE: Final = 0.25
# The errors whose hint says more than that the server may not run.
_TOLD_NEARER: Final = frozenset({CREDENTIALS, DISTRUSTED})


class ClusterLink:
    """Probes until the server answers, then rests until somebody suspects that it no longer does.

    `on_change` is called each time the connection comes up or goes down.
    """

    def __init__(self, http: KubeHttp, clock: Clock, on_change: Callable[[Connection], None]) -> None:
        self._http = http
        self._clock = clock
        self._on_change = on_change
        self._backoff = Backoff(clock, first=0.25, longest=10.0)
        self._suspected = anyio.Event()
        self._changed = anyio.Event()
        self._tried = False
        self._left = False
        self.state = Connection(up=False, error="not connected yet", since=clock.monotonic())

    async def run(self) -> None:
        """Watch over the connection for ever."""
        while True:
            self._suspected = anyio.Event()
            if await self._probe():
                self._backoff.reset()
                await anyio.sleep(_PROBE_PACE)
                await self._suspected.wait()
            else:
                await anyio.sleep(self._backoff.next())

    def suspect(self, _: ClusterError | None = None) -> None:
        """A request found no server, or none that knows us; have it looked at."""
        self._suspected.set()

    def leave(self) -> None:
        """Nobody uses the connection any more: whoever still requires it is told so."""
        self._left = True
        self._changed.set()

    async def require(self) -> None:
        """Raise `ClusterDown` unless the server answers. Waits for the first probe, never for a dead server."""
        while not (self._tried or self._left):
            await self._changed.wait()
        if self._left:
            raise self._over()
        if not self.state.up:
            raise self._down()

    async def wait_up(self) -> bool:
        """Return when the server answers: whether that took waiting."""
        waited = not self.state.up
        while not self.state.up:
            await self._changed.wait()
        return waited

    async def _probe(self) -> bool:
        try:
            answer = await self._http.request("GET", "/version", verb="version", timeout=_PROBE_SECONDS)
            if not answer.ok and answer.status != 403:
                raise refused(Asked(self._http.cluster, "get", "/version"), answer)
            version = _git_version(answer.body) if answer.ok else ""
        except ClusterError as error:
            hint = error.hint if error.reason in _TOLD_NEARER else ""
            self._become(up=False, error=f"{error.what}: {error.why}" if error.why else error.what, hint=hint)
            return False
        self._become(up=True, version=version)
        return True

    def _become(self, *, up: bool, version: str = "", error: str = "", hint: str = "") -> None:
        before = self.state
        first, self._tried = not self._tried, True
        changed = first or before.up != up
        since = self._clock.monotonic() if changed else before.since
        at = self._clock.now() if changed else before.at
        self.state = Connection(up=up, version=version or before.version, error=error, since=since, at=at, hint=hint)
        if changed:
            self._changed.set()
            self._changed = anyio.Event()
            self._on_change(self.state)

    def _over(self) -> ClusterDown:
        return ClusterDown(
            "its connection was closed",
            where=f"cluster {self._http.cluster}",
            why="its entry or its kubeconfig changed, or was taken out, meanwhile",
            hint="nothing, its applications look again by themselves",
            retryable=True,
        )

    def _down(self) -> ClusterDown:
        at = self.state.at
        since = f" since {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
        return ClusterDown(
            f"it does not answer{since}",
            where=f"cluster {self._http.cluster}",
            why=self.state.error,
            hint=self.state.hint
            or "check that its API server runs, and the kubeconfig or entry under `clusters` that leads to it",
            retryable=True,
        )


def _git_version(body: bytes) -> str:
    try:
        return text(orjson.loads(body), "gitVersion")
    except ValueError:
        return ""
