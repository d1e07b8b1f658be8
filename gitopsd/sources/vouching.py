"""Which commits of a repository are signed as its configuration demands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.ports.sources import Verification, VerifyMode

_TAGS: Final = "refs/tags/"
_REMEMBERED: Final = 1000


class Vouching:
    """Remembers what was verified with the keys of today. `read` has a worker's request answered that reads a commit,
    `have_ref` fetches a tag's own object and tells its name in the mirror.
    """

    def __init__(
        self,
        *,
        read: Callable[[Mapping[str, JsonValue], str], Awaitable[JsonObject]],
        have_ref: Callable[[str], Awaitable[str]],
    ) -> None:
        self._read = read
        self._have_ref = have_ref
        self._demand: Verification | None = None
        self._verified: dict[tuple[str, str], None] = {}

    async def check(self, commit: str, ref: str, demand: Verification | None) -> None:
        """Raise `Failure` unless `commit`, found through `ref` ("" for its id), is signed as demanded."""
        if demand != self._demand:
            self._demand = demand
            self._verified.clear()
        if demand is None or demand.mode is VerifyMode.NONE or (commit, ref) in self._verified:
            return
        tag: dict[str, JsonValue] = {}
        if ref.startswith(_TAGS):
            tag = {"ref": await self._have_ref(ref), "name": ref.removeprefix(_TAGS)}
        request: dict[str, JsonValue] = {
            "op": "verify",
            "commit": commit,
            "tag": tag,
            "mode": demand.mode.value,
            "keys": list(demand.keys),
            "known": list({known for known, _ in self._verified}),
        }
        await self._read(request, commit)
        if demand != self._demand:
            return  # other keys came meanwhile: it is verified again when it is asked for again
        self._verified[commit, ref] = None
        while len(self._verified) > _REMEMBERED:
            del self._verified[next(iter(self._verified))]
