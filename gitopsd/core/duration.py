"""Durations as Go and Argo CD write them (https://pkg.go.dev/time#ParseDuration), in seconds."""

from __future__ import annotations

import re

EXPECTED = "expected a duration such as 30s, 3m or 1h30m, or a number of seconds"
# Ten years: beyond it a number is a slip, and clocks overflow.
LONGEST_SECONDS = 10 * 366 * 86400.0

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(ns|us|µs|ms|s|m|h|d)", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds. Raises `ValueError` whose text says what was expected."""
    if isinstance(value, str):
        seconds = _of_text(value.strip())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        seconds = _of_text("")
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError("expected a duration between 0 and ten years")
    return seconds


def _of_text(text: str) -> float:
    if _SECONDS.fullmatch(text):
        return float(text)
    end, seconds = 0, 0.0
    while part := _PART.match(text, end):
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text or end != len(text):
        raise ValueError(EXPECTED)
    return seconds
