"""`python -m tests.crash [--scenario NAME]… [--at-once N]`: kill the daemon at every point. Exits 1 if any mattered."""

from __future__ import annotations

import argparse
import sys

import anyio

from tests.crash.run import run
from tests.crash.scenario import scenarios
from tests.crash.table import EVERY_READ, Tried, Verdict, every_point, sort, table, try_each, unsound
from tests.long.ground import ground

NAMES = tuple(each.name for each in scenarios("example.org"))


def _tell(verdict: Verdict) -> None:
    sys.stderr.write("." if verdict.good else f"\n{verdict}\n")
    sys.stderr.flush()


async def main(names: list[str], at_once: int, every_read: int, only: list[str]) -> int:
    """Try all points of these scenarios, and print the table; returns the exit code."""
    all_tried: list[Tried] = []
    async with ground() as standing:
        for name in names:
            tried = Tried(name, await run(standing, name))
            all_tried.append(tried)
            hooks = next(each.hooks for each in scenarios("example.org") if each.name == name)
            if wrong := unsound(tried.calm, hooks):
                sys.stdout.write(f"{name}: {wrong}\n")
                return 1
            kills = [kill for kill in every_point(tried.calm, every_read) if not only or sort(kill) in only]
            sys.stderr.write(f"{name}: {dict(tried.calm.points)}, {len(kills)} points\n")
            await try_each(standing, tried, kills, at_once, _tell)
            sys.stderr.write("\n")
    sys.stdout.write(f"{table(all_tried)}\n")
    return 0 if all(verdict.good for tried in all_tried for verdict in tried.verdicts) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", action="append", choices=NAMES, help="which; all by default")
    parser.add_argument("--at-once", type=int, default=2, help="how many runs side by side")
    parser.add_argument("--every-read", type=int, default=EVERY_READ, help="of requests that read only each so-manieth")
    parser.add_argument(
        "--only", action="append", choices=("write", "read", "journal", "twice"), help="points of this sort"
    )
    told = parser.parse_args()
    sys.exit(anyio.run(main, told.scenario or list(NAMES), told.at_once, told.every_read, told.only or []))
