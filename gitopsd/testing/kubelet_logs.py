"""What the containers of a fake kubelet wrote, by pod, container and start."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import anyio

from gitopsd.ports.clock import Clock

_KEPT_LINES: Final = 10_000


class LogRefused(Exception):  # noqa: N818  # named for what it is: an answer
    """There is no such log; the text says why, `status` is the HTTP status for it."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class _Start:
    """One start of a container: its last lines, and whether more can come. `news` is set when that changes.

    `dropped`: how many lines came before `lines`.
    """

    dropped: int = 0
    lines: list[tuple[datetime, str]] = field(default_factory=list)
    is_over: bool = False
    news: anyio.Event = field(default_factory=anyio.Event)

    def changed(self) -> None:
        self.news.set()
        self.news = anyio.Event()


@dataclass(slots=True)
class _Container:
    """The last two starts of a container, and why it has none."""

    why: str = ""
    current: _Start | None = None
    previous: _Start | None = None


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`PodLogOptions` of a request; `tail` and `limit_bytes` are -1 where there is no limit."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int = -1
    limit_bytes: int = -1
    since: datetime | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str], now: datetime) -> Self:
        """From the query of a kubelet's `/containerLogs`. Raises `LogRefused`."""
        try:
            since = datetime.fromisoformat(query["sinceTime"]) if "sinceTime" in query else None
            if "sinceSeconds" in query:
                since = now - timedelta(seconds=int(query["sinceSeconds"]))
            return cls(
                follow=query.get("follow") == "true",
                previous=query.get("previous") == "true",
                timestamps=query.get("timestamps") == "true",
                tail=int(query.get("tailLines", "-1")),
                limit_bytes=int(query.get("limitBytes", "-1")),
                since=since,
            )
        except (ValueError, OverflowError) as error:
            raise LogRefused(f"the log's options cannot be understood: {error}", 400) from error


class Logs:
    """All logs of a fake kubelet. Pods are named by `namespace/name`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pods: dict[str, dict[str, _Container]] = {}

    def waiting(self, pod: str, container: str, why: str) -> None:
        """`container` has not been started, because of `why`."""
        self._container(pod, container).why = why

    def started(self, pod: str, container: str, lines: tuple[str, ...]) -> None:
        """A start of `container`, which writes `lines` at once."""
        log = self._container(pod, container)
        self._end(log.current)
        log.previous, log.current = log.current, _Start()
        self.write(pod, container, *lines)

    def write(self, pod: str, container: str, *lines: str) -> None:
        """`container` writes `lines`. Raises `LogRefused` if it does not run."""
        current = self._find(pod, container).current
        if current is None or current.is_over:
            raise LogRefused(f'container "{container}" in pod "{pod}" does not run', 400)
        now = self._clock.now()
        current.lines.extend((now, line) for line in lines)
        surplus = max(0, len(current.lines) - _KEPT_LINES)
        current.dropped += surplus
        del current.lines[:surplus]
        current.changed()

    def ended(self, pod: str, container: str) -> None:
        """`container` writes no more until it is started again."""
        self._end(self._container(pod, container).current)

    def forget(self, pod: str) -> None:
        """The pod is gone."""
        for log in self._pods.pop(pod, {}).values():
            self._end(log.current)

    async def read(self, pod: str, container: str, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """The log in pieces of whole lines (unless `limitBytes` cuts one); goes on while `follow` says so.

        The first piece comes at once, and may be empty.

        `query`: as a kubelet gets it. Raises `LogRefused` before the first piece.
        """
        options = LogOptions.parse(query, self._clock.now())
        start = self._start(pod, container, previous=options.previous)
        left = options.limit_bytes
        position = start.dropped + _first(start.lines, options)
        is_first = True
        while True:
            news = start.news
            lines = start.lines[max(0, position - start.dropped) :]
            piece = b"".join(_shown(line, timestamps=options.timestamps) for line in lines)
            position = start.dropped + len(start.lines)
            if left >= 0:
                piece = piece[:left]
                left -= len(piece)
            if piece or is_first:
                yield piece
            is_first = False
            if not options.follow or start.is_over or left == 0:
                return
            await news.wait()

    def _start(self, pod: str, container: str, *, previous: bool) -> _Start:
        log = self._find(pod, container)
        start = log.previous if previous else log.current
        if start is None and previous:
            raise LogRefused(f'previous terminated container "{container}" in pod "{pod}" not found', 400)
        if start is None:
            raise LogRefused(f'container "{container}" in pod "{pod}" is waiting to start: {log.why}', 400)
        return start

    def _find(self, pod: str, container: str) -> _Container:
        if pod not in self._pods:
            raise LogRefused(f'pod "{pod}" is not on this node', 404)
        if container not in self._pods[pod]:
            raise LogRefused(f'container "{container}" is not in pod "{pod}"', 404)
        return self._pods[pod][container]

    def _container(self, pod: str, container: str) -> _Container:
        return self._pods.setdefault(pod, {}).setdefault(container, _Container())

    @staticmethod
    def _end(start: _Start | None) -> None:
        if start is not None:
            start.is_over = True
            start.changed()


def _first(lines: list[tuple[datetime, str]], options: LogOptions) -> int:
    """The index of the first line to show."""
    first = 0
    if options.since is not None:
        first = next((index for index, (at, _) in enumerate(lines) if at >= options.since), len(lines))
    return max(first, len(lines) - options.tail) if options.tail >= 0 else first


def _shown(line: tuple[datetime, str], *, timestamps: bool) -> bytes:
    at, content = line
    stamp = f"{at:%Y-%m-%dT%H:%M:%S.%f}Z " if timestamps else ""
    return f"{stamp}{content}\n".encode()
