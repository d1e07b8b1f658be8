"""Fetches as look-ups and snapshots of artifacts ask for them: with access and limits, told of, with our errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import anyio

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_address import Address, access_frame
from gitopsd.sources.artifact_limits import ArtifactLimits
from gitopsd.sources.artifact_process import FetchProcesses
from gitopsd.sources.artifact_reasons import artifact_error
from gitopsd.sources.limits import GitRequest, OnRequest
from gitopsd.sources.wire import Failure

OnConnection = Callable[[str, str], None]
"""Told of every ended request: the origin, and why it failed, masked ("" if it went well)."""

_PULL: Final = "pull"


class ArtifactFetch:
    """Asks fetch processes. `accesses` may be replaced while it works: the next request uses the new ones."""

    def __init__(
        self,
        processes: FetchProcesses,
        limits: ArtifactLimits,
        accesses: Accesses,
        *,
        on_request: OnRequest,
        on_connection: OnConnection,
    ) -> None:
        self.accesses = accesses
        self._processes = processes
        self._limits = limits
        self._on_request = on_request
        self._on_connection = on_connection

    async def ask(
        self,
        operation: str,
        address: Address,
        begin: Callable[[], Mapping[str, JsonValue]],
    ) -> JsonObject:
        """The answer to one operation of `gitopsd-engine fetch` (engine/PROTOCOL.md); raises `SourceError`.

        `begin` gives the operation's parameters, when there is a place for it.
        """
        seconds = self._limits.pull_seconds if operation == _PULL else self._limits.lookup_seconds
        started = anyio.current_time()

        def begun() -> Mapping[str, JsonValue]:
            nonlocal started
            started = anyio.current_time()
            return {
                **begin(),
                "op": operation,
                "access": access_frame(address, self.accesses, self._limits),
                "limits": self._bounds(operation, seconds),
            }

        error: SourceError | None = None
        try:
            return await self._processes.ask(begun, seconds)
        except Failure as failure:
            error = artifact_error(failure, address.shown)
            raise error from None
        finally:
            took = anyio.current_time() - started
            self._on_request(GitRequest(shown_url(address.url), operation, took, error is None))
            self._on_connection(address.place, str(error) if error else "")

    async def newest(self, versions: list[str], revision: str) -> str:
        """The version that a range means, by the library that Helm uses; "" for none. Uses no network."""
        request: dict[str, JsonValue] = {
            "op": "range",
            "versions": list(versions),
            "revisions": [{"revision": revision, "prefix": ""}],
            "limits": self._bounds("range", self._limits.lookup_seconds),
        }
        try:
            answer = await self._processes.ask(lambda: request, self._limits.lookup_seconds)
        except Failure as failure:
            raise artifact_error(failure, "") from None
        chosen = answer.get("chosen")
        return str(chosen[0]) if isinstance(chosen, list) and chosen else ""

    def _bounds(self, operation: str, seconds: float) -> JsonObject:
        limits = self._limits
        by_operation = {_PULL: limits.archive_bytes, "file": limits.file_bytes}
        return {
            "seconds": seconds,
            "download_bytes": by_operation.get(operation, limits.index_bytes),
            "unpacked_bytes": limits.unpacked_bytes,
            "entries": limits.entries,
            "depth": limits.depth,
            "pages": limits.pages,
        }
