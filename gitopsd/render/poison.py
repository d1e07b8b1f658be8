"""Requests that killed workers (advisory Z3): refused until their input changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

import orjson

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject

KILLS: Final = 2
_REMEMBERED: Final = 1000


class Poison:
    """How many workers each request killed. A request is known by all it asks for, the snapshot's folder included."""

    def __init__(self) -> None:
        self._kills: OrderedDict[bytes, tuple[int, str]] = OrderedDict()

    @staticmethod
    def name(method: str, params: JsonObject) -> bytes:
        """The request's name here."""
        raw = orjson.dumps([method, params], option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(raw, digest_size=16).digest()

    def check(self, name: bytes) -> None:
        """Raise `RenderError` for a request that killed too many."""
        kills, reason = self._kills.get(name, (0, ""))
        if kills >= KILLS:
            raise RenderError(
                f"this source is not rendered again: it ended {kills} render workers",
                why=reason,
                hint="change the source, or its options; then it is tried again",
            )

    def add(self, name: bytes, reason: str) -> None:
        """One more worker died with this request in flight."""
        kills, _ = self._kills.pop(name, (0, ""))
        self._kills[name] = (kills + 1, reason)
        if len(self._kills) > _REMEMBERED:
            self._kills.popitem(last=False)

    def clear(self, name: bytes) -> None:
        """The request was answered: it was not the one."""
        self._kills.pop(name, None)
