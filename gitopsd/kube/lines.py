"""Lines out of chunks of bytes."""

from __future__ import annotations

from gitopsd.core.errors import ClusterError


class LineSplitter:
    """Gives the complete lines of a stream of chunks; raises `ClusterError` at a line of more than `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends; empty lines are left out."""
        head, end, rest = chunk.rpartition(b"\n")
        if not end:
            self._keep(chunk)
            return []
        lines = b"".join((*self._parts, head)).split(b"\n")
        self._parts, self._size = [], 0
        self._keep(rest)
        return [line for line in lines if line]

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        self._size += len(part)
        if self._size > self._longest:
            raise ClusterError(
                "the API server sent a line that is too long",
                why=f"more than {self._longest} bytes",
                hint="look for very large objects of the watched kinds",
            )
        self._parts.append(part)
