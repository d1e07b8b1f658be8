"""A JSON object kept as compact bytes and parsed when looked at (design decision 5)."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gitopsd.core.jsonvalue import JsonObject

_WORTH_PACKING: Final = 1024


@dataclass(frozen=True, slots=True)
class Document:
    """`kept` is the object as UTF-8 JSON, compressed with zlib if it is `packed`. `decode` turns the JSON into values;
    rooms with a faster parser hand theirs in.
    """

    kept: bytes
    decode: Callable[[bytes], JsonObject] = json.loads
    packed: bool = False

    @classmethod
    def small(cls, raw: bytes, decode: Callable[[bytes], JsonObject]) -> Document:
        """`raw` in less memory where that pays: of a Deployment a third is left, of a small Secret nothing is saved
        that is worth the time.
        """
        if len(raw) < _WORTH_PACKING:
            return cls(raw, decode)
        return cls(zlib.compress(raw, 1), decode, packed=True)

    @property
    def raw(self) -> bytes:
        """The object as UTF-8 JSON."""
        return zlib.decompress(self.kept) if self.packed else self.kept

    def body(self) -> JsonObject:
        """The parsed object; parsed anew on each call, so hold on to it for as long as you look at it."""
        return self.decode(self.raw)

    def digest(self) -> str:
        """32 hex digits that are equal if and only if the bytes are."""
        return hashlib.blake2b(self.raw, digest_size=16).hexdigest()


def canonical(body: JsonObject) -> bytes:
    """`body` as JSON whose bytes depend on its content only: keys sorted, no spaces, UTF-8."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
