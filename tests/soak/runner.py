"""`python -m tests.soak.runner --config FILE`: a daemon that logs at SIGUSR1 how many tasks it has."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from typing import Final

import structlog

from gitopsd.daemon.run import run_daemon

TASKS: Final = "tasks"


def main() -> None:
    """Run until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    config: str = parser.parse_args().config

    def tell(_number: int, _frame: object) -> None:
        structlog.get_logger("soak").info(TASKS, count=len(asyncio.all_tasks()))

    signal.signal(signal.SIGUSR1, tell)
    run_daemon(config, os.environ)


if __name__ == "__main__":
    main()
