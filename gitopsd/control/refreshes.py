"""Has applications look at what their repositories hold: because a commit came, or because somebody asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from gitopsd.control.applications import Applications
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.revisions import Revisions
from gitopsd.control.settings import SupervisorSettings
from gitopsd.control.world import World
from gitopsd.core.app import AppSpec
from gitopsd.core.ids import AppName


class Refreshes:
    """Owns the `revisions` of the repositories, and who wants to be rendered without the cache.

    `ended` waits until a pass over each of some applications has ended; `on_bug` as in `Supervisor`.
    """

    def __init__(
        self,
        world: World,
        settings: SupervisorSettings,
        applications: Applications,
        queue: WorkQueue,
        *,
        ended: Callable[[Collection[AppName]], Awaitable[None]],
        on_bug: Callable[[AppName, Exception], None],
    ) -> None:
        self._sources = world.sources
        self._applications = applications
        self._queue = queue
        self._hard: set[AppName] = set()
        self.revisions = Revisions(
            world.sources,
            world.clock,
            interval=settings.interval,
            jitter=settings.jitter,
            changed=self._changed,
            passed=ended,
            on_bug=on_bug,
            refusal=world.refusal,
            tracer=world.tracer,
        )
        """What each target revision stands for now."""

    def tune(self, settings: SupervisorSettings) -> None:
        """Repositories are looked up as often as these settings say."""
        self.revisions.tune(settings.interval, settings.jitter)

    def ask(self, name: AppName, *, hard: bool = False) -> None:
        """Look the application's repositories up and reconcile it now; `hard` renders without the cache. KeyError if it
        is not at work.
        """
        spec = self._applications.at_work[name].spec
        if hard:
            self._hard.add(name)
        self.revisions.refresh(name, spec)

    def wake(self, name: AppName, *, fresh: bool) -> None:
        """Have the application reconciled; `fresh`: as soon as git was asked. KeyError if it is not at work."""
        app = self._applications.at_work[name]
        if fresh:
            self.revisions.refresh(name, app.spec)
        else:
            self._queue.add(name, Level.LIVE)

    async def commit(self, spec: AppSpec, number: int, revision: str) -> str:
        """What a target revision of one of the application's sources means now. Raises `GitopsdError`."""
        source = spec.sources[number]
        return await self._sources.commit(source.origin, revision, source.tag_prefix)

    def forget(self, spec: AppSpec) -> None:
        """The application is at work no more."""
        self.revisions.use(spec.name, None, spec)
        self._hard.discard(spec.name)

    def _changed(self, name: AppName) -> None:
        hard = name in self._hard
        self._hard.discard(name)
        app = self._applications.get(name)
        if app is not None and app.places:
            app.moved = True  # it may be what was given besides, which the sources' commits do not tell
        self._queue.add(name, Level.HARD if hard else Level.GIT)
