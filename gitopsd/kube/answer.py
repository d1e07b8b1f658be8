"""What an API server said to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case; repeated ones joined by a comma) and the body's bytes. `again`: the request
    had been sent before, and nobody knows what came of that.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    again: bool = False

    @property
    def ok(self) -> bool:
        """Whether the request was done."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """The seconds of a `Retry-After` header; None if there is none, or a date (API servers send seconds)."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < float("inf") else None


class RequestMade(NamedTuple):
    """One finished request, for metrics: `code` is the HTTP status, 0 where no answer came. Its turn came after it
    `waited` so many seconds.
    """

    server: str
    verb: str
    kind: str
    code: int
    seconds: float
    waited: float = 0.0
