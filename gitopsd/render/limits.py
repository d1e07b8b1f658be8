"""The limits of a render, by name (advisory D1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline` in seconds for one source; `max_objects` and `max_bytes` (as JSON) for what it gives."""

    deadline: float = 60.0
    max_objects: int = 20_000
    max_bytes: int = 128 << 20
