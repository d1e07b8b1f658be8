"""One list and watch that never ends: lists a kind, follows it, resumes, lists anew where the server forgot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
import anyio.lowlevel
import orjson

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.jsonvalue import JsonObject, integer, objects, text
from gitopsd.core.live import is_newer
from gitopsd.kube.body import is_nonsense, nonsense, parsed, parsed_list
from gitopsd.kube.http import JSON, KubeHttp, is_too_large
from gitopsd.kube.objects import with_type
from gitopsd.kube.refusal import Asked, from_status, refused
from gitopsd.kube.resource import Resource
from gitopsd.kube.retry import Backoff
from gitopsd.ports.clock import Clock

METADATA_ONLY: Final = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What a follower accepts that needs no more of objects than their metadata."""

_METADATA_LIST: Final = METADATA_ONLY.replace("as=PartialObjectMetadata;", "as=PartialObjectMetadataList;")
_PAGE: Final = 500
_WATCH_SECONDS: Final = 1800
_LASTING_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 600.0  # API servers send a bookmark each minute
_LIST_END: Final = "k8s.io/initial-events-end"
# What a server says that was restored from a backup, or that is another one than before.
_TOO_NEW: Final = "Too large resource version"
# A server that is busy for a moment (the storage of a new kind is "(re)initializing") is no news to anybody, nor is a
# token that is over: it is read anew.
_PASSING: Final = frozenset({401, 429, 500, 502, 503, 504})
_STUMBLES: Final = 4
_BUSY_SECONDS: Final = 90.0
# Events between two pauses for the rest of the process: a batch can hold thousands.
_AT_ONCE: Final = 32
_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
_DENIED: Final = frozenset({403, 404, 405})


class Sink(Protocol):
    """Where objects go. `raw` is the object's JSON as it came, `body` the same parsed."""

    def begin(self) -> None:
        """A list begins; it may end early, and begin again."""
        ...

    def end(self) -> None:
        """The list is complete: what it did not name is gone."""
        ...

    def put(self, raw: bytes, body: JsonObject) -> None:
        """An object was listed, added or modified."""
        ...

    def remove(self, body: JsonObject) -> None:
        """An object was deleted."""
        ...

    def flush(self) -> None:
        """No more events are at hand for now."""
        ...

    def turned(self) -> None:
        """It can be kept up again, or no longer."""
        ...


class Link(Protocol):
    """The state of the connection that watches share."""

    async def wait_up(self) -> bool:
        """Return when the API server answers: whether that took waiting."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What all followers of one cluster share. `on_batch` hears how many changes came together, and how many seconds it
    took to take them in.
    """

    http: KubeHttp
    link: Link
    clock: Clock
    on_batch: Callable[[int, float], None] = lambda _events, _seconds: None


class Follower:
    """Keeps a sink up to date with one kind for as long as `run` runs.

    `namespace` narrows it down to one. `listed` is False until the sink holds all objects; `error` says why it cannot
    be kept up now (None: it is). `events` counts the changes that came since it began.
    """

    def __init__(
        self, source: Source, resource: Resource, sink: Sink, *, namespace: str = "", accept: str = JSON
    ) -> None:
        self._http = source.http
        self._link = source.link
        self._sink = sink
        self._clock = source.clock
        self._on_batch = source.on_batch
        self._accept = accept
        # A list of partial objects has a name of its own: a server refuses to make one of them out of it.
        self._accept_list = accept.replace("as=PartialObjectMetadata;", "as=PartialObjectMetadataList;")
        self._version = ""
        self._streams_lists = True
        self._page = _PAGE
        self._changed = anyio.Event()
        self._resume = Backoff(source.clock, first=0.02, longest=10.0)
        self._denied = Backoff(source.clock, first=2.0, longest=60.0)
        self._stumbles = 0
        self._stumbling_since = 0.0
        self._path = resource.within(namespace)
        self.resource = resource
        self.namespace = namespace
        self._watching = self._asked("watch")
        self.listed = False
        self.events = 0
        self.ended = False
        self.error: ClusterError | None = None

    async def run(self) -> None:
        """Follow for ever; every failure is remembered in `error` and tried again."""
        while True:
            try:
                await self._follow()
                delay = self._resume.next()
            except ClusterDown as error:
                self._fail(error)
                delay = self._resume.next()
            except ClusterError as error:
                if error.status == 410 or (error.status == 504 and self.listed and _TOO_NEW in error.why):
                    self._version = ""
                    delay = self._resume.next(error.retry_after)
                elif self._may_stumble(error):
                    delay = self._resume.next(error.retry_after)
                else:
                    self._fail(error)
                    backoff = self._denied if error.status in _DENIED else self._resume
                    delay = backoff.next(error.retry_after)
            await anyio.sleep(delay)
            if await self._link.wait_up():
                self._resume.reset()

    async def tried(self) -> None:
        """Wait until the sink holds all objects, or it is known that it cannot now, or nobody follows any more."""
        while not self.listed and self.error is None and not self.ended:
            await self._changed.wait()

    def end(self) -> None:
        """Nobody follows any more: whoever waits goes on."""
        self.ended = True
        self._wake()

    async def _follow(self) -> None:
        if self._version and await self._is_behind():
            self._version = ""
        if not self._version and not self._streams_lists:
            await self._list()
        await self._watch(initial=not self._version)

    async def _is_behind(self) -> bool:
        """Whether the server has not come as far as what was seen already: it was restored from a backup, or is another
        one. It would never say so to a watch, but send nothing until it has caught up.
        """
        answer = await self._http.request(
            "GET",
            self._path,
            query={"limit": "1"},
            accept=_METADATA_LIST,
            verb="list",
            kind=self.resource.gvk.kind,
        )
        if answer.status in _PASSING:
            raise refused(self._asked("list"), answer)
        if not answer.ok:
            return False  # who may watch need not be allowed to list
        version = text(parsed_list(answer.body, self._asked("list")), "metadata", "resourceVersion")
        return version.isdecimal() and self._version.isdecimal() and is_newer(self._version, version)

    # ---- watch

    async def _watch(self, *, initial: bool) -> None:
        """Until the stream ends. `initial`: the objects that exist come first, as events, closed by a bookmark.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        seconds = _WATCH_SECONDS + int(self._clock.jitter(_WATCH_SECONDS))
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
            self._sink.begin()
        else:
            query["resourceVersion"] = self._version
        started = self._clock.monotonic()
        try:
            async with self._http.batches(
                self._path,
                query,
                kind=self.resource.gvk.kind,
                accept=self._accept,
                idle_timeout=_SILENCE_SECONDS,
            ) as batches:
                await self._take(batches, initial=initial)
                if self._clock.monotonic() - started > _LASTING_SECONDS:
                    self._resume.reset()
        except ClusterError as error:
            if initial and error.status in (400, 422):
                self._streams_lists = False
                return
            raise

    async def _take(self, batches: AsyncIterator[list[bytes]], *, initial: bool) -> None:
        if not initial:
            self._recovered()
        try:
            async for lines in batches:
                began, before = self._clock.monotonic(), self.events
                for number, line in enumerate(lines, start=1):
                    initial = self._event(line, initial=initial)
                    if not number % _AT_ONCE:
                        await anyio.lowlevel.checkpoint()
                if not initial:
                    self._resume.reset()
                    self._sink.flush()
                if self.events > before:
                    self._on_batch(self.events - before, self._clock.monotonic() - began)
        except ClusterDown:
            return  # a stream that broke is one that ended; if the server is gone, opening the next one will tell

    def _event(self, line: bytes, *, initial: bool) -> bool:
        """Hand one event on. Whether the events of the list are still coming."""
        event = parsed(line, self._watching)
        kind, body = text(event, "type"), event.get("object")
        if not isinstance(body, dict):
            raise nonsense(self._watching, "an event without an object")
        if not initial and kind in _CHANGES:
            self.events += 1
        if kind in ("ADDED", "MODIFIED"):
            self._sink.put(_object_part(line, kind, body), body)
        elif kind == "DELETED":
            self._sink.remove(body)
        elif kind == "ERROR":
            raise from_status(self._watching, body, code=integer(body, "code", default=500))
        elif kind == "BOOKMARK" and initial and text(body, "metadata", "annotations", _LIST_END) == "true":
            self._sink.end()
            initial = False
            self._version = text(body, "metadata", "resourceVersion")
            self._recovered()
        if not initial:
            version = text(body, "metadata", "resourceVersion")
            if version and is_newer(version, self._version):
                self._version = version
        return initial

    # ---- list, for servers that do not stream it

    async def _list(self) -> None:
        self._sink.begin()
        query = {"limit": str(self._page)}
        while True:
            page = await self._read_page(query)
            for item in objects(page, "items"):
                self._sink.put(with_type(item, self.resource.gvk), item)
            token = text(page, "metadata", "continue")
            if not token:
                break
            query = {"limit": str(self._page), "continue": token}
            await anyio.lowlevel.checkpoint()
        self._sink.end()
        self._version = text(page, "metadata", "resourceVersion")
        self._recovered()

    async def _read_page(self, query: Mapping[str, str]) -> JsonObject:
        try:
            answer = await self._http.call(
                "GET",
                self._path,
                query=query,
                accept=self._accept_list,
                verb="list",
                kind=self.resource.gvk.kind,
            )
        except ClusterError as error:
            if is_too_large(error) and self._page > 1:
                self._page //= 4
            raise
        if not answer.ok:
            raise refused(self._asked("list"), answer)
        return parsed_list(answer.body, self._asked("list"))

    # ---- state

    def _may_stumble(self, error: ClusterError) -> bool:
        """Whether to try again before anybody hears of it: a few times; for longer where a server that is busy asks for
        that, and what there was is known.
        """
        if error.status not in _PASSING and not is_nonsense(error):
            return False
        now = self._clock.monotonic()
        if not self._stumbles:
            self._stumbling_since = now
        self._stumbles += 1
        if error.status == 429 and self.listed:
            return now - self._stumbling_since < _BUSY_SECONDS
        return self._stumbles <= _STUMBLES

    def _recovered(self) -> None:
        self._denied.reset()
        self._stumbles = 0
        failed, self.error = self.error is not None, None
        self.listed = True
        self._sink.flush()
        self._wake()
        if failed:
            self._sink.turned()

    def _fail(self, error: ClusterError) -> None:
        first, self.error = self.error is None, error
        self._wake()
        if first:
            self._sink.turned()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _asked(self, verb: str) -> Asked:
        return Asked(self._http.cluster, verb, str(self.resource.gvk.group_kind))


def _object_part(line: bytes, kind: str, body: JsonObject) -> bytes:
    """The object's own bytes in an event's line; written anew only for servers that lay events out in another way."""
    head = b'{"type":"%s","object":' % kind.encode()
    if line.startswith(head) and line.endswith(b"}}"):
        return line[len(head) : -1]
    return orjson.dumps(body)
