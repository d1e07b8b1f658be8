"""Which commit every (repository, target revision) stands for; one task and one look-up per repository, whoever uses
it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.abc import TaskGroup

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import GitopsdError
from gitopsd.core.ids import AppName
from gitopsd.core.schedule import RECONCILE_ERROR, backoff_seconds
from gitopsd.core.touched import touched
from gitopsd.ports.clock import Clock
from gitopsd.ports.sources import Refs, Sources
from gitopsd.ports.tracer import NO_TRACER, Span, Tracer

_HEAD_START_SECONDS: Final = 0.5

Place = tuple[str, str, str]
"""(origin, target revision, tag prefix): `Source.place`."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a target revision stands for. `error` is why the last look-up failed; with a `commit` that one is still
    kept. `fetch` is the trace of the look-up that found it.
    """

    commit: str = ""
    error: str = ""
    fetch: Span | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Repository:
    """One origin and who uses it: (target revision, tag prefix) → applications, and these → their sources' paths.

    `rest` is the wait for its next look-up, while there is one.
    """

    users: dict[tuple[str, str], set[AppName]] = field(default_factory=dict)
    folders: dict[AppName, frozenset[str]] = field(default_factory=dict)
    known: dict[tuple[str, str], Resolution] = field(default_factory=dict)
    refs: Refs | None = None
    requested: set[AppName] = field(default_factory=set)
    news: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    rest: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    failures: int = 0


Refusal = Callable[[str, str], str]
"""Why applications of a project may not use an origin; "" if they may."""


def nobody_refused(_origin: str, _project: str) -> str:
    """No repository is one project's alone."""
    return ""


class Revisions:
    """Keeps resolutions fresh: every `interval` seconds plus jitter, and at once on request.

    `changed` is called for each application whose resolution became another one, and for each that asked for a refresh;
    `passed` waits until the work that this means for some applications is done.
    A repository that hangs or fails delays its own applications only. What `refusal` says to an origin and a project
    is asked anew for each pass.
    """

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        *,
        interval: float,
        jitter: float,
        changed: Callable[[AppName], None],
        passed: Callable[[Collection[AppName]], Awaitable[None]],
        on_bug: Callable[[AppName, Exception], None],
        refusal: Refusal = nobody_refused,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._sources = sources
        self._tracer = tracer
        self._refusal = refusal
        self._clock = clock
        self._interval = interval
        self._jitter = jitter
        self._changed = changed
        self._passed = passed
        self._on_bug = on_bug
        self._repositories: dict[str, _Repository] = {}
        self._asked: dict[AppName, set[str]] = {}
        self._own: dict[AppName, frozenset[Place]] = {}
        self._elsewhere: dict[AppName, frozenset[Place]] = {}
        self._tasks: TaskGroup | None = None

    def of(self, spec: AppSpec) -> tuple[Resolution, ...] | None:
        """The resolution of each source, in order; None while one of them was never looked up."""
        found: list[Resolution] = []
        for source in spec.sources:
            repository = self._repositories.get(source.origin)
            resolution = repository.known.get(source.place[1:]) if repository else None
            if resolution is None:
                return None
            refused = self._refusal(source.origin, spec.project)
            found.append(Resolution(error=refused) if refused else resolution)
        return tuple(found)

    def use(self, app: AppName, spec: AppSpec | None, before: AppSpec | None) -> None:
        """`app` now has the sources of `spec` (None: none any more) instead of those of `before`."""
        wanted = _places(spec)
        if spec is None:
            self.also(app, frozenset())
        self._enter(app, wanted)
        sources = spec.sources if spec else ()
        for url in {source.origin for source in sources}:
            paths = frozenset(source.path for source in sources if source.origin == url)
            self._repositories[url].folders[app] = paths
        for place in _places(before) - wanted - self._elsewhere.get(app, frozenset()):
            self._leave(app, place)
        self._own[app] = wanted
        if spec is None:
            del self._own[app]

    def also(self, app: AppName, places: frozenset[Place]) -> None:
        """The last render of `app` was given these as well: when one of them moves, it is concerned."""
        before = self._elsewhere.get(app, frozenset())
        if places == before:
            return
        self._enter(app, places)
        for place in before - places - self._own.get(app, frozenset()):
            self._leave(app, place)
        if places:
            self._elsewhere[app] = places
        else:
            del self._elsewhere[app]

    def _enter(self, app: AppName, places: Collection[Place]) -> None:
        for url, target, prefix in places:
            revision = (target, prefix)
            repository = self._repositories.get(url)
            if repository is None:
                repository = self._repositories[url] = _Repository()
                self._start(url, repository)
            repository.users.setdefault(revision, set()).add(app)
            if revision not in repository.known:
                repository.news.set()

    def refresh(self, app: AppName, spec: AppSpec) -> None:
        """Look all of the application's repositories up now; then `changed` is called for it even if nothing moved."""
        for url in {url for url, _, _ in _places(spec) | self._elsewhere.get(app, frozenset())}:
            repository = self._repositories.get(url)
            if repository is not None:
                self._asked.setdefault(app, set()).add(url)
                repository.requested.add(app)
                repository.news.set()

    def tune(self, interval: float, jitter: float) -> None:
        """Look up so often (seconds; infinity: on request alone). A wait that is under way lasts no longer than one
        that begins now; it is not cut off, so that many repositories are not asked at one moment.
        """
        self._interval = interval
        self._jitter = jitter
        for repository in self._repositories.values():
            due = anyio.current_time() + self._pause(repository)
            repository.rest.deadline = due if math.isinf(due) else min(due, repository.rest.deadline)

    def retry(self) -> None:
        """Look up now what failed last time: credentials may have been put right."""
        for repository in self._repositories.values():
            if repository.failures or any(resolution.error for resolution in repository.known.values()):
                repository.failures = max(repository.failures, 1)
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

    def _leave(self, app: AppName, place: Place) -> None:
        url, revision = place[0], place[1:]
        repository = self._repositories.get(url)
        if repository is None:
            return
        users = repository.users.get(revision, set())
        users.discard(app)
        if not users:
            repository.users.pop(revision, None)
            repository.known.pop(revision, None)
        if not any(app in using for using in repository.users.values()):
            repository.folders.pop(app, None)
            self._forget_request(app, url)
        if not repository.users:
            del self._repositories[url]
            repository.scope.cancel()

    def _forget_request(self, app: AppName, url: str) -> None:
        """A refresh need not wait for a repository that the application has left."""
        if url in self._asked.get(app, ()) and self._is_done(app, url) and app in self._own:
            self._changed(app)

    async def _look_after(self, url: str, repository: _Repository) -> None:
        fresh = True
        with repository.scope:
            while True:
                repository.news = anyio.Event()
                asked, repository.requested = repository.requested, set()
                before = dict(repository.known)
                fresh = fresh or bool(asked or repository.failures)
                concerned: Collection[AppName] = ()
                try:
                    woken = await self._traced(url, repository, fresh=fresh)
                    concerned = await self._concerned(url, repository, before, woken - asked)
                # A bug that one repository's answer meets must not end the look-ups of the others (Z2).
                except Exception as error:  # noqa: BLE001
                    woken = self._failed(repository, f"internal error: {type(error).__name__}; the log has the details")
                    for app in sorted(set().union(*repository.users.values()))[:1]:
                        self._on_bug(app, error)
                first = [app for app in asked if self._is_done(app, url)]
                # Somebody waits for those that asked; those that git touched have more to do than to look.
                await self._tell(first, concerned, (woken - asked).difference(concerned))
                fresh = await self._wait(repository)

    async def _concerned(
        self, url: str, repository: _Repository, before: Mapping[tuple[str, str], Resolution], woken: set[AppName]
    ) -> Sequence[AppName]:
        """Those of `woken` whose own folders the new commits touched: they need not queue behind all the others."""
        found: set[AppName] = set()
        with anyio.move_on_after(_HEAD_START_SECONDS):
            for revision, resolution in tuple(repository.known.items()):
                old, new = before.get(revision, Resolution()).commit, resolution.commit
                mine = woken & repository.users.get(revision, set())
                if not mine or not old or not new or old == new:
                    continue
                try:
                    changed = await self._sources.changes(url, old, new)
                except GitopsdError:
                    continue  # it is an order only; whoever renders will meet the error, and say it
                folders = {app: repository.folders.get(app, frozenset[str]()) for app in mine}
                found.update(touched(changed or (), folders))
        return sorted(found)

    def _is_done(self, app: AppName, url: str) -> bool:
        """Whether the look-up of `url` was the last one that a refresh of `app` waited for."""
        left = self._asked.get(app, set())
        left.discard(url)
        if left:
            return False
        self._asked.pop(app, None)
        return True

    async def _tell(self, *groups: Collection[AppName]) -> None:
        """Each group begins when the one before it is done, or soon anyway."""
        for index, group in enumerate(groups):
            for app in group:
                self._changed(app)
            if group and any(groups[index + 1 :]):
                with anyio.move_on_after(_HEAD_START_SECONDS):
                    await self._passed(group)

    async def _wait(self, repository: _Repository) -> bool:
        """Sleep until the next look-up is due (True) or somebody asks for one (False)."""
        with anyio.move_on_after(self._pause(repository)) as repository.rest:
            await repository.news.wait()
            return False
        return True

    def _pause(self, repository: _Repository) -> float:
        """How long to wait before the next look-up, in seconds."""
        seconds = self._interval + self._clock.jitter(self._jitter)
        if repository.failures:
            seconds = min(seconds, backoff_seconds(RECONCILE_ERROR, repository.failures))
        return seconds

    async def _traced(self, url: str, repository: _Repository, *, fresh: bool) -> set[AppName]:
        """`_look_up`; one that finds something, or fails otherwise than before, is worth a trace."""
        with self._tracer.fetch(url) as span:
            woken = await self._look_up(url, repository, span, fresh=fresh)
            if woken:
                span.note(revisions=len(repository.users), applications=len(woken))
                span.keep()
        return woken

    async def _look_up(self, url: str, repository: _Repository, span: Span, *, fresh: bool) -> set[AppName]:
        """Resolve every revision in use; the applications for which it is another one now."""
        try:
            repository.refs = await self._sources.refs(url, fresh=fresh)
        except GitopsdError as error:
            told = self._failed(repository, str(error))
            if told:
                span.fail(error)
            return told
        woken: set[AppName] = set()
        failed = False
        for revision in tuple(repository.users):
            try:
                resolution = Resolution(await self._sources.commit(url, *revision), fetch=span)
            except GitopsdError as error:
                failed = failed or error.retryable
                before = repository.known.get(revision, Resolution())
                resolution = Resolution(before.commit if error.retryable else "", str(error))
            woken |= self._note(repository, revision, resolution)
        repository.failures = repository.failures + 1 if failed else 0
        return woken

    def _failed(self, repository: _Repository, message: str) -> set[AppName]:
        """The last known commits stay, beside the message."""
        repository.failures += 1
        woken: set[AppName] = set()
        for revision in tuple(repository.users):
            before = repository.known.get(revision, Resolution())
            woken |= self._note(repository, revision, Resolution(before.commit, message))
        return woken

    @staticmethod
    def _note(repository: _Repository, revision: tuple[str, str], resolution: Resolution) -> set[AppName]:
        """Keep the resolution; the applications that it is news to."""
        if revision not in repository.users or repository.known.get(revision) == resolution:
            return set()
        repository.known[revision] = resolution
        return set(repository.users[revision])


def _places(spec: AppSpec | None) -> frozenset[Place]:
    """(origin, target revision, tag prefix) of each source."""
    return frozenset(source.place for source in spec.sources) if spec else frozenset()
