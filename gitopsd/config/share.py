"""Shares of a whole: `50%`, or a number from 0 to 1."""

from __future__ import annotations

import re
from typing import Final

EXPECTED: Final = "expected a percentage such as 50%, or a number from 0 to 1"
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", re.ASCII)


def parse_share(value: object) -> float:
    """From 0 to 1. Raises `ValueError` whose text says what was expected."""
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent is not None:
        share = float(percent[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    else:
        raise ValueError(EXPECTED)
    if not 0 <= share <= 1:
        raise ValueError(EXPECTED)
    return share
