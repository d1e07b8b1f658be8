"""Whether applications that leave the configuration were meant to."""

from __future__ import annotations

from typing import Final

_FEW: Final = 3


def too_many(leaving: int, known: int) -> bool:
    """Whether so many applications that leave the configuration at once, of so many that it had, look like an accident:
    more than three, and more than half.
    """
    return leaving > _FEW and leaving * 2 > known
