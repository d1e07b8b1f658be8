"""`python -m tests.fuzz NAME SECONDS`: try random examples for as long, print how many there were."""

from __future__ import annotations

import sys
import time
from typing import Final

from tests.fuzz.checks import CHECKS

_ROUND: Final = 500


def main(name: str, seconds: float) -> None:
    """Raise what broke, with the example that breaks it."""
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        CHECKS[name](_ROUND)
        count += _ROUND
    sys.stdout.write(f"{count:,} examples in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
