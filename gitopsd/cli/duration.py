"""Durations on the command line, as they are read and shown."""

from __future__ import annotations

import re

_FRACTION = re.compile(r"\.[0-9]+(?=Z|[+-]|$)", re.ASCII)
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)


def seconds_of(text: str) -> float | None:
    """`90`, `90s`, `5m`, `1h30m` in seconds; None for anything else."""
    if _SECONDS.fullmatch(text):
        return float(text)
    end, seconds = 0, 0.0
    while part := _PART.match(text, end):
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return seconds if text and end == len(text) else None


def shown_seconds(seconds: float) -> str:
    """`20 ms`, `4.2 s`, `42 s`, `3 min 12 s`, `2 h 5 min`."""
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def shown_time(written: str) -> str:
    """A time of the API (RFC 3339) without parts of a second."""
    return _FRACTION.sub("", written)
