"""The real engine on a pipe, asked without an event loop: for tests that ask it many thousand times."""

from __future__ import annotations

import os
import struct
import subprocess
from types import TracebackType
from typing import Final, Self

import orjson

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.render.engine import locate

_HEAD: Final = struct.Struct(">I")


class EnginePipe:
    """`with` runs it; one request at a time. Raises RuntimeError if there is no engine, or if it ended."""

    def __enter__(self) -> Self:
        binary = locate("", os.environ)
        if binary is None:
            raise RuntimeError("there is no render engine: run `make setup`")
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={})
        self._number = 0
        self.receive()  # the greeting
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=20)

    def ask(self, method: str, params: JsonObject) -> JsonObject:
        """The answer: `result`, `error` or `needs`."""
        self._number += 1
        self.send(orjson.dumps({"id": self._number, "method": method, "params": params}))
        return self.receive()

    def send(self, body: bytes) -> None:
        """One frame."""
        assert self._process.stdin is not None
        self._process.stdin.write(_HEAD.pack(len(body)) + body)
        self._process.stdin.flush()

    def receive(self) -> JsonObject:
        """The next frame."""
        assert self._process.stdout is not None
        head = self._process.stdout.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise RuntimeError(f"the engine ended with {self._process.wait(timeout=20)}")
        found: JsonObject = orjson.loads(self._process.stdout.read(_HEAD.unpack(head)[0]))
        return found
