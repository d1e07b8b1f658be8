"""A JSON object kept as compact bytes and parsed when looked at (design decision 5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from gitopsd.core.jsonvalue import JsonObject


@dataclass(frozen=True, slots=True)
class Document:
    """`raw` is the object as UTF-8 JSON. `decode` turns it into values; rooms with a faster parser hand theirs in."""

    raw: bytes
    decode: Callable[[bytes], JsonObject] = json.loads

    def body(self) -> JsonObject:
        """The parsed object; parsed anew on each call, so hold on to it for as long as you look at it."""
        return self.decode(self.raw)

    def digest(self) -> str:
        """32 hex digits that are equal if and only if the bytes are."""
        return hashlib.blake2b(self.raw, digest_size=16).hexdigest()


def canonical(body: JsonObject) -> bytes:
    """`body` as JSON whose bytes depend on its content only: keys sorted, no spaces, UTF-8."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
