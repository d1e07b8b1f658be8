"""Which commit every (repository, target revision) stands for; one task and one look-up per repository, whoever uses
it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import GitopsdError
from gitopsd.core.ids import AppName
from gitopsd.core.schedule import RECONCILE_ERROR, backoff_seconds
from gitopsd.ports.clock import Clock
from gitopsd.ports.sources import Refs, Sources


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a target revision stands for. `error` is why the last look-up failed; with a `commit` that one is still
    kept.
    """

    commit: str = ""
    error: str = ""


@dataclass(slots=True)
class _Repository:
    """One repository and who uses it: target revision → applications."""

    users: dict[str, set[AppName]] = field(default_factory=dict)
    known: dict[str, Resolution] = field(default_factory=dict)
    refs: Refs | None = None
    requested: set[AppName] = field(default_factory=set)
    news: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    failures: int = 0


class Revisions:
    """Keeps resolutions fresh: every `interval` seconds plus jitter, and at once on request.

    `changed` is called for each application whose resolution became another one, and for each that asked for a refresh.
    A repository that hangs or fails delays its own applications only.
    """

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        *,
        interval: float,
        jitter: float,
        changed: Callable[[AppName], None],
    ) -> None:
        self._sources = sources
        self._clock = clock
        self.interval = interval
        self.jitter = jitter
        self._changed = changed
        self._repositories: dict[str, _Repository] = {}
        self._tasks: TaskGroup | None = None

    def of(self, spec: AppSpec) -> tuple[Resolution, ...] | None:
        """The resolution of each source, in order; None while one of them was never looked up."""
        found: list[Resolution] = []
        for source in spec.sources:
            repository = self._repositories.get(source.repo_url)
            resolution = repository.known.get(source.target_revision) if repository else None
            if resolution is None:
                return None
            found.append(resolution)
        return tuple(found)

    def use(self, app: AppName, spec: AppSpec | None, before: AppSpec | None) -> None:
        """`app` now has the sources of `spec` (None: none any more) instead of those of `before`."""
        for source in before.sources if before else ():
            self._leave(app, source.repo_url, source.target_revision)
        for source in spec.sources if spec else ():
            repository = self._repositories.get(source.repo_url)
            if repository is None:
                repository = self._repositories[source.repo_url] = _Repository()
                self._start(source.repo_url, repository)
            users = repository.users.setdefault(source.target_revision, set())
            users.add(app)
            if source.target_revision not in repository.known:
                repository.news.set()

    def refresh(self, app: AppName, spec: AppSpec) -> None:
        """Look the application's repositories up now; `changed` is called for it even if nothing moved."""
        for source in spec.sources:
            repository = self._repositories.get(source.repo_url)
            if repository is not None:
                repository.requested.add(app)
                repository.news.set()

    def commits(self) -> Mapping[str, frozenset[str]]:
        """Repository → the commits that its applications stand at."""
        return {
            url: frozenset(resolution.commit for resolution in repository.known.values() if resolution.commit)
            for url, repository in self._repositories.items()
        }

    async def run(self) -> None:
        """Look after all repositories until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for url, repository in self._repositories.items():
                self._start(url, repository)
            await anyio.sleep_forever()

    def _start(self, url: str, repository: _Repository) -> None:
        if self._tasks is not None:
            self._tasks.start_soon(self._look_after, url, repository)

    def _leave(self, app: AppName, url: str, revision: str) -> None:
        repository = self._repositories.get(url)
        if repository is None:
            return
        users = repository.users.get(revision, set())
        users.discard(app)
        repository.requested.discard(app)
        if not users:
            repository.users.pop(revision, None)
            repository.known.pop(revision, None)
        if not repository.users:
            del self._repositories[url]
            repository.scope.cancel()

    async def _look_after(self, url: str, repository: _Repository) -> None:
        fresh = True
        with repository.scope:
            while True:
                repository.news = anyio.Event()
                asked, repository.requested = repository.requested, set()
                await self._look_up(url, repository, asked, fresh=fresh or bool(asked))
                fresh = await self._wait(repository)

    async def _wait(self, repository: _Repository) -> bool:
        """Sleep until the next look-up is due (True) or somebody asks for one (False)."""
        seconds = self.interval + self._clock.jitter(self.jitter)
        if repository.failures:
            seconds = min(seconds, backoff_seconds(RECONCILE_ERROR, repository.failures))
        with anyio.move_on_after(seconds):
            await repository.news.wait()
            return False
        return True

    async def _look_up(self, url: str, repository: _Repository, asked: Collection[AppName], *, fresh: bool) -> None:
        woken = set(asked)
        try:
            repository.refs = await self._sources.refs(url, fresh=fresh)
        except GitopsdError as error:
            repository.failures += 1
            for revision in tuple(repository.users):
                before = repository.known.get(revision, Resolution())
                woken |= self._note(repository, revision, Resolution(before.commit, str(error)))
        else:
            failed = False
            for revision in tuple(repository.users):
                try:
                    resolution = Resolution(await self._sources.commit(url, revision))
                except GitopsdError as error:
                    failed = failed or error.retryable
                    before = repository.known.get(revision, Resolution())
                    resolution = Resolution(before.commit if error.retryable else "", str(error))
                woken |= self._note(repository, revision, resolution)
            repository.failures = repository.failures + 1 if failed else 0
        for app in woken:
            self._changed(app)

    @staticmethod
    def _note(repository: _Repository, revision: str, resolution: Resolution) -> set[AppName]:
        """Keep the resolution; the applications that it is news to."""
        if revision not in repository.users or repository.known.get(revision) == resolution:
            return set()
        repository.known[revision] = resolution
        return set(repository.users[revision])
