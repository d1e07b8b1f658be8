"""A trace that is over, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Attribute = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpanValue:
    """A span that is over. Ids are 128 and 64 bits wide, `parent` 0 is none; times are nanoseconds since 1970.

    `error` is what failed ("" if nothing did); `links` are (trace id, span id) of others that it stands on.
    """

    name: str
    trace_id: int
    span_id: int
    parent: int
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str = ""
    links: Sequence[tuple[int, int]] = ()
