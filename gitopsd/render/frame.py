"""Frames of the engine's protocol: four bytes of length, most significant first, then that many bytes of JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import orjson

from gitopsd.core.jsonvalue import JsonObject

MAX_REQUEST: Final = 64 << 20
MAX_ANSWER: Final = 256 << 20
_HEAD: Final = struct.Struct(">I")


class FrameError(Exception):
    """The other side does not keep to the protocol."""


def pack_frame(body: JsonObject) -> bytes:
    """One frame. Raises `FrameError` if it is larger than an engine takes, `TypeError` for values that are not JSON."""
    raw = orjson.dumps(body)
    if len(raw) > MAX_REQUEST:
        raise FrameError(f"a request of {len(raw)} bytes is larger than the limit of {MAX_REQUEST}")
    return _HEAD.pack(len(raw)) + raw


class FrameBuffer:
    """Bytes as they come in, cut into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _HEAD.size
        self._in_body = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add `data`; the bodies of the frames that are complete now.

        Raises `FrameError` for a length above the limit.
        """
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            piece = bytes(memoryview(self._buffer)[: self._wanted])
            del self._buffer[: self._wanted]
            if self._in_body:
                self._in_body, self._wanted = False, _HEAD.size
                yield piece
                continue
            (self._wanted,) = _HEAD.unpack(piece)
            self._in_body = True
            if self._wanted > MAX_ANSWER:
                raise FrameError(f"an answer of {self._wanted} bytes is larger than the limit of {MAX_ANSWER}")
