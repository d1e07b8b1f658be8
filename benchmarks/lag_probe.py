"""gitopsd with a closer look at its event loop: `python -m benchmarks.lag_probe FILE run --config …`.

A task asks to be woken every 5 ms. `FILE` gets, as JSON, how much CPU time the loop's thread used between two wakes:
at worst, and how often it was more than 20 ms. Unlike the time on the wall this does not grow with what other programs
do; waits for the disk or a lock do not show.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio

from gitopsd.cli import main as gitopsd
from gitopsd.daemon import daemon
from gitopsd.metrics.lag import LagListener
from gitopsd.ports.clock import Clock

_INTERVAL: Final = 0.005
_LONG: Final = 0.020


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    file = Path(arguments[0])

    async def look(_listener: LagListener, _clock: Clock) -> None:
        worst, long = 0.0, 0
        try:
            while True:
                began = time.thread_time()
                await anyio.sleep(_INTERVAL)
                used = time.thread_time() - began
                worst, long = max(worst, used), long + (used > _LONG)
        finally:
            file.write_text(json.dumps({"worst": worst, "long": long}))  # noqa: ASYNC240  # the daemon ends here

    # A closer look than the daemon's own, for this measurement.
    daemon.sample_loop_lag = look  # type: ignore[assignment,attr-defined]  # not meant to be replaced elsewhere
    sys.argv = ["gitopsd", *arguments[1:]]
    return gitopsd()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
