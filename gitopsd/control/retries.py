"""Syncs that somebody asked for and that failed, tried again as often as he said."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.asking import AskedSync
from gitopsd.control.errands import Errands
from gitopsd.control.operations import Wake
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation
from gitopsd.core.schedule import Backoff, backoff_seconds


@dataclass(frozen=True, slots=True)
class Retries:
    """`wake` has an application reconciled."""

    applications: Applications
    errands: Errands
    wake: Wake

    def ask_again(self, app: Application, operation: Operation) -> None:
        """After the application's back-off, if nothing else was begun by then; not if `operation` was the last try."""
        request, count = operation.request, operation.retries + 1
        if request.retries is None or request.dry_run or 0 <= request.retries < count:
            return
        policy = app.spec.sync_policy.retry
        seconds = backoff_seconds(Backoff(policy.seconds, policy.factor, policy.max_seconds), count)
        self.errands.start(self._later, app.spec.name, operation.id, AskedSync(request, retries=count), seconds)

    async def _later(self, name: AppName, after: str, asked: AskedSync, seconds: float) -> None:
        await anyio.sleep(seconds)
        app = self.applications.get(name)
        last = app.status.operation if app is not None else None
        if app is not None and last is not None and last.id == after and app.operation is None:
            app.asked_syncs.append(asked)
            self.wake(name, fresh=True)
