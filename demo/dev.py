"""`make dev`: the demo's cluster and samples, with gitopsd in front and started anew whenever its code changes."""

from __future__ import annotations

import signal
import sys
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from rich.console import Console
from rich.text import Text
from watchfiles import PythonFilter, awatch

from demo.hints import hints
from demo.place import ROOT, DemoError, Place, clean_place, make_repository
from demo.programs import cluster, daemon, missing
from tools import gobuild

_CODE: Final = (ROOT / "gitopsd", ROOT / "plugins")


def main() -> int:
    """Run until Ctrl-C; returns the exit code."""
    console = Console()
    if (unbuilt := missing()) and gobuild.main(unbuilt):
        return 1
    code = 0
    try:
        with clean_place(ROOT / ".demo") as place:
            anyio.run(_develop, place, console)
    except* DemoError as errors:
        console.print(Text(f"dev: {errors.exceptions[0]}", "red"))
        code = 1
    return code


async def _develop(place: Place, console: Console) -> None:
    async with anyio.create_task_group() as tasks:
        await tasks.start(_end_on_signal, tasks.cancel_scope)
        await anyio.to_thread.run_sync(make_repository, place)
        async with cluster(place) as version:
            console.print(f"Kubernetes {version} is ready", hints(place), sep="\n")
            await _restart_on_change(place, console)
        tasks.cancel_scope.cancel()


async def _restart_on_change(place: Place, console: Console) -> None:
    """gitopsd runs between two changes of its code; one that ends by itself is started again by the next change."""
    edits = awatch(*_CODE, watch_filter=PythonFilter(), debounce=400)
    while True:
        async with daemon(place, log=sys.stderr.buffer):
            changed = await anext(edits)
        names = ", ".join(sorted({path.removeprefix(f"{ROOT}/") for _, path in changed}))
        console.print(Text(f"{names} changed: starting gitopsd anew", "bold"))


async def _end_on_signal(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            return


if __name__ == "__main__":
    sys.exit(main())
