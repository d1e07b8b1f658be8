"""`python -m tests.soak [--minutes M] [--seed N]`: 50 applications in a storm. Exits 1 if anything was wrong."""

from __future__ import annotations

import argparse
import sys

import anyio

from tests.long.ground import ground
from tests.soak.soak import Size, soak


async def main(seed: int, size: Size) -> int:
    """Run one soak and print its report; returns the exit code."""
    async with ground() as standing:
        report = await soak(standing, seed, size)
    sys.stdout.write(f"{report}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the storm lasts")
    parser.add_argument("--seed", type=int, default=1, help="the same storm for the same seed")
    parser.add_argument("--apps", type=int, default=50)
    told = parser.parse_args()
    sys.exit(anyio.run(main, told.seed, Size(told.minutes * 60, apps=told.apps)))
