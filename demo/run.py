"""`make demo`: seven applications on a local cluster, kept equal to a git repository that you can change.

`--once` ends by itself when all applications are as expected (exit code 0), or with what `gitopsd run --once` says.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import Process, TaskStatus
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from demo.hints import hints
from demo.place import ROOT, DemoError, Place, clean_place, make_repository, samples
from demo.programs import cluster, daemon, missing, run_once
from demo.view import Row, are_as_expected, ask, rows, table
from tools import gobuild

_LOOK_SECONDS: Final = 0.5
_ONCE_SECONDS: Final = 120
_UNREADY: Final = 1
_TIMED_OUT: Final = 3
_LOG_LINES: Final = 15
_WIDTH: Final = 160


def main(arguments: Sequence[str]) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description="Sample applications on a local cluster.")
    parser.add_argument("--once", action="store_true", help="end when all applications are as expected")
    once: bool = parser.parse_args(arguments).once
    # Where nobody looks at a terminal, the table has room.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    if (unbuilt := missing()) and gobuild.main(unbuilt):
        return 1
    try:
        with clean_place(ROOT / ".demo") as place:
            return anyio.run(_demo, place, console, once)
    except* DemoError as errors:
        console.print(Text(f"demo: {_first(errors)}", "red"))
    return 1


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _demo(place: Place, console: Console, once: bool) -> int:
    code = 128 + signal.SIGTERM
    async with anyio.create_task_group() as tasks:
        await tasks.start(_end_on_signal, tasks.cancel_scope)
        code = await _run(place, console, once)
        tasks.cancel_scope.cancel()
    return code if once else 0


async def _end_on_signal(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            return


async def _run(place: Place, console: Console, once: bool) -> int:
    started = time.monotonic()
    with console.status("starting a Kubernetes cluster …") as status:
        await anyio.to_thread.run_sync(make_repository, place)
        async with cluster(place) as version:
            status.stop()
            console.print(f"Kubernetes {version} and a git repository are ready: {_since(started)}")
            if once:
                return await _once(place, console, started)
            async with daemon(place) as process:
                return await _watch(place, console, started, process)


async def _once(place: Place, console: Console, started: float) -> int:
    wanted = samples()
    code, answer = await run_once(place, _ONCE_SECONDS)
    try:
        found = rows(answer)
    except ValueError:
        found = []
    console.print(table(found, wanted))
    if code in (0, _UNREADY) and are_as_expected(found, wanted):
        console.print(f"{len(wanted)} applications are as expected: {_since(started)}")
        return 0
    console.print(Text(f"not all applications are as expected (gitopsd run --once: exit code {code})", "red"))
    _print_log(place, console)
    return code or 1


async def _watch(place: Place, console: Console, started: float, process: Process) -> int:
    """Show the table until somebody ends the demo, or the daemon does."""
    wanted = samples()
    told = False
    seen: list[Row] = []
    with Live(console=console, auto_refresh=False) as live:
        while process.returncode is None:
            found = await ask(place.socket)
            if found != seen or not told:
                as_expected = are_as_expected(found, wanted)
                if as_expected and not told:
                    told = True
                    live.console.print(f"{len(wanted)} applications are as expected: {_since(started)}")
                    live.console.print(hints(place))
                if console.is_terminal:
                    live.update(Group(table(found, wanted), Text("Ctrl-C ends it all", "dim")), refresh=True)
                elif found and found != seen and told:
                    # Once up, each change, also one of whoever mends what is broken on purpose.
                    console.print(table(found, wanted))
                seen = found
            await anyio.sleep(_LOOK_SECONDS)
    console.print(Text(f"gitopsd ended by itself (exit code {process.returncode})", "red"))
    _print_log(place, console)
    return process.returncode or 1


def _print_log(place: Place, console: Console) -> None:
    path = place.log("gitopsd")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    for line in lines[-_LOG_LINES:]:
        console.print(Text(line, "dim"))
    console.print(f"everything it said: {path}")


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
