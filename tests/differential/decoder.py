"""kubectl's own way of reading files, many of them in one process (originals/decoder)."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gitopsd.core.jsonvalue import JsonObject
from tools.golang import ORIGINALS_PLACE


@dataclass(frozen=True, slots=True)
class Decoded:
    """The objects of a file up to its first fault, and the fault's words ("" where there was none)."""

    objects: list[JsonObject]
    error: str


class Decoder:
    """`with` runs it. Threads may share it."""

    def __enter__(self) -> Self:
        self._turn = threading.Lock()
        program = ORIGINALS_PLACE / "decoder"
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=20)

    def read(self, file: Path) -> Decoded:
        """Read one file. Raises RuntimeError if the program ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._turn:
            stdin.write(f"{file}\n".encode())
            stdin.flush()
            line = stdout.readline()
        if not line:
            raise RuntimeError(f"kubectl's decoder ended at {file}")
        answer = json.loads(line)
        return Decoded(answer["objects"], answer["error"])
