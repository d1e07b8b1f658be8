"""Many documents and a description of them as one byte string; documents come back byte for byte."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from gitopsd.core.document import Document
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.store.jsontext import from_json, listed

_HEAD: Final = struct.Struct(">I")


class Packing:
    """Takes documents, and becomes bytes; equal contents become equal bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, document: Document) -> list[int]:
        """Where it is: offset, size, and whether it was compressed in memory."""
        raw = document.raw
        place = [self._size, len(raw), int(document.packed)]
        self._parts.append(raw)
        self._size += len(raw)
        return place

    def bytes(self, description: Mapping[str, object]) -> bytes:
        """`description` (JSON values) and the documents."""
        try:
            head = orjson.dumps(description, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # lone surrogates, of which JSON knows how to write them
            head = json.dumps(description, sort_keys=True).encode()
        return b"".join((_HEAD.pack(len(head)), head, *self._parts))


class Unpacking:
    """Reads what a `Packing` became. Raises ValueError for anything else."""

    def __init__(self, content: bytes) -> None:
        if len(content) < _HEAD.size:
            raise ValueError("expected packed documents")
        (size,) = _HEAD.unpack_from(content)
        self._documents = _HEAD.size + size
        self._content = content
        self.description: JsonObject = from_json(content[_HEAD.size : self._documents])

    def take(self, place: JsonValue, decode: Callable[[bytes], JsonObject] = json.loads) -> Document:
        """The document at this place."""
        offset, size, packed = (cell if isinstance(cell, int) else -1 for cell in listed(place, 3))
        begin = self._documents + offset
        raw = self._content[begin : begin + size]
        if min(offset, size) < 0 or len(raw) != size:
            raise ValueError("a document is not where it should be")
        return Document.small(raw, decode) if packed else Document(raw, decode)
