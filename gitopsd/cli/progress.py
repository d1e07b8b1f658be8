"""What a person sees while `run --once` works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from gitopsd.cli.visible import visible
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.health.status import HealthStatus


class Progress:
    """A bar on standard error; log lines appear above it."""

    def __init__(self) -> None:
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, statuses: Sequence[AppStatus]) -> None:
        """How many are where they shall be, and what the others are."""
        good = sum(_is_good(status) for status in statuses)
        others = Counter(_shown(status) for status in statuses if not _is_good(status))
        told = ", ".join(f"{count} {what}" for what, count in others.most_common(3))
        text = f"{good} of {len(statuses)} Synced and Healthy" + (f" ({told})" if told else "")
        self._bar.update(self._task, description=visible(text), completed=good, total=len(statuses))


def _is_good(status: AppStatus) -> bool:
    return status.sync is SyncCode.SYNCED and status.health.status is HealthStatus.HEALTHY


def _shown(status: AppStatus) -> str:
    if status.sync is not SyncCode.SYNCED:
        return status.sync.value
    return status.health.status.value
