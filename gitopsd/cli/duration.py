"""Durations on the command line, without the configuration room, which is slow to import."""

from __future__ import annotations

import re

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
