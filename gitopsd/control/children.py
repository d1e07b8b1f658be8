"""The applications that other applications have among their manifests (app of apps): kept here and in the journal, and
objects to those that render them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import anyio
import anyio.lowlevel

from gitopsd.control.children_book import Child, ChildBook
from gitopsd.control.children_news import ChildNews
from gitopsd.core.annotations import TRACKING_ID, parse_tracking_id
from gitopsd.core.app import AppSpec
from gitopsd.core.childapps import (
    PROJECT,
    ChildRecord,
    Family,
    Shown,
    check_child,
    live_of,
    lost,
    merged,
    refuse_project,
    uid_of,
    with_wish,
)
from gitopsd.core.deletion_record import cascade_of
from gitopsd.core.dependency import waited_for
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError, GitopsdError, SpecError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, Manifest
from gitopsd.ports.applications import ReadApplication
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Patch
from gitopsd.ports.journal import Journal

# Each takes up to a tenth of a millisecond: others get their turn in between.
_AT_ONCE: Final = 100


class Keeper(Protocol):
    """Whoever has all applications at work."""

    def spec(self, name: AppName) -> AppSpec | None:
        """The application, whoever brought it; None if there is none."""
        ...

    def shown(self, name: AppName) -> Shown | None:
        """How it stands."""
        ...

    def wants(self, name: AppName, key: ObjectKey) -> bool:
        """Whether an application wants this object, or may want it."""
        ...

    def take(self, spec: AppSpec) -> None:
        """Work for it from now on, or by this spec."""
        ...

    async def let_go(self, spec: AppSpec, *, cascade: bool) -> None:
        """Work for it no more. With `cascade` its objects are to be deleted, and when they are `Children.gone` is
        called. Raises `GitopsdError` if that cannot begin.
        """
        ...


class Children:
    """Owns the applications that others brought."""

    def __init__(self, journal: Journal, reader: ReadApplication, clock: Clock, keeper: Keeper) -> None:
        self._journal = journal
        self._reader = reader
        self._clock = clock
        self._keeper = keeper
        self._book = ChildBook()
        self._writing: dict[AppName, AppName] = {}
        self.news = ChildNews()
        """Where those hear of them who watch a cluster."""

    # What the journal and the configuration say

    async def restore(self, records: Sequence[ChildRecord]) -> None:
        """Know those that were there before a restart."""
        for record in records:
            self._book.enter(record, self._read_again(record))
            await anyio.lowlevel.checkpoint()

    async def reread(self) -> None:
        """What applications are checked against has changed: some may be right now, and others wrong."""
        for child in self._book.all():
            child.spec = self._read_again(child.record)
            await anyio.lowlevel.checkpoint()

    def specs(self, configured: Mapping[AppName, AppSpec]) -> Sequence[AppSpec]:
        """The children to work for beside the applications that are `configured` from now on; one that has the name of
        such a one is none.
        """
        book = self._book
        before, book.configured = book.configured, configured
        for child in book.all():
            name = child.record.name
            if (name in before) is not (name in configured):
                self.news.changed(child.record.parent, child.key, None if name in configured else self._live(child))
        return [
            book.admitted(child) for child in book.all() if child.record.name not in configured and not child.deleting
        ]

    def leaving(self) -> Sequence[AppSpec]:
        """Those whose objects are being deleted, or were to be when the daemon was killed."""
        return [child.spec for child in self._book.all() if child.deleting and self._book.get(child.record.name)]

    def parent_of(self, name: AppName) -> AppName | None:
        """Who brought the application; None for one of the configuration."""
        child = self._book.get(name)
        return child.record.parent if child is not None else None

    # What a parent does with its children as objects

    async def live(self, parent: AppName) -> Mapping[ObjectKey, LiveObject]:
        """The children of an application as they are now."""
        for number, child in enumerate(self._book.of(parent), 1):
            self._live(child)
            if number % _AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        return {child.key: self._live(child) for child in self._book.of(parent)}

    def rehearse(self, desired: DesiredObject, live: LiveObject | None) -> Prediction:
        """What an apply would give."""
        version = live.resource_version if live is not None else ""
        known = self._book.get(AppName(desired.key.name)) if live is not None else None
        if known is not None and live is not None and (known.key, known.record.digest) == (live.key, desired.digest):
            return Prediction(desired.digest, version, live.document)
        tracked = parse_tracking_id(text(desired.document.body(), "metadata", "annotations", TRACKING_ID))
        parent = known.record.parent if known is not None else AppName(tracked.app) if tracked is not None else None
        try:
            self._rehearsed(parent, desired)
        except SpecError as error:
            return Prediction(desired.digest, version, None, str(error))
        wanted = desired.document
        document = wanted if live is None else Document(canonical(with_wish(live, wanted.body())))
        return Prediction(desired.digest, version, document)

    async def apply(self, parent: AppName, desired: DesiredObject) -> LiveObject:
        """Make `desired` a child, or what the child is that there is; how it looks then.

        Raises `SpecError` where its manifest is wrong or it may not be there, `StoreError` where it cannot be kept.
        """
        manifest = _written(desired)
        spec = self._checked(parent, desired.key, manifest)
        before = self._book.get(spec.name)
        if before is not None and before.deleting:
            raise _conflict(spec.name, "it is being deleted: it is made anew when that is over")
        now = self._clock.now()
        record = ChildRecord(
            name=spec.name,
            parent=parent,
            manifest=desired.document,
            uid=before.record.uid if before is not None else uid_of(parent, spec.name, now),
            created=before.record.created if before is not None else now,
            digest=desired.digest,
            origin=desired.origin,
        )
        return await self._keep(record, spec)

    async def create(self, parent: AppName, desired: DesiredObject) -> LiveObject:
        """As `apply`; `ClusterError` with reason `AlreadyExists` if it is there."""
        if self._book.named(parent, desired.key) is not None:
            raise ClusterError("it exists already", where=str(desired.key), status=409, reason="AlreadyExists")
        return await self.apply(parent, desired)

    async def patch(self, parent: AppName, live: LiveObject, patch: Patch) -> LiveObject:
        """Change a child by a merge patch."""
        child = self._book.find(parent, live)
        if child is None or child.deleting:
            raise _conflict(live.key.name, "it is another one by now")
        if patch.subresource:
            raise ClusterError(f"it has no {patch.subresource}", where=str(live.key), status=404, reason="NotFound")
        body = merged(child.record.manifest.body(), {key: it for key, it in patch.body.items() if key != "status"})
        spec = self._checked(parent, live.key, Manifest(body, child.record.origin))
        record = replace(child.record, manifest=Document(canonical(body)), digest="")
        return await self._keep(record, spec)

    async def delete(self, parent: AppName, live: LiveObject) -> None:
        """Remove exactly this child: with its objects if it has a finalizer, and then it is there until they are gone.
        One that is gone already is no error.
        """
        child = self._book.find(parent, live)
        if child is None:
            return
        if child.deleting or cascade_of(child.spec.finalizers):
            if not child.deleting:
                record = replace(child.record, deleting=self._clock.now())
                await self._save(record)
                child.record = record
            await self._keeper.let_go(child.spec, cascade=True)
            self.looked(child.record.name)
            return
        with anyio.CancelScope(shield=True):
            await self._journal.remove_child(child.record.name)
        self._drop(child)
        await self._keeper.let_go(child.spec, cascade=False)

    # What becomes of them

    def looked(self, name: AppName) -> None:
        """A pass over the application ended, or it stands otherwise: its parent looks again if that shows."""
        child = self._book.get(name)
        if child is not None:
            before = child.live
            after = self._shown(child)
            if before is None or before.resource_version != after.resource_version:
                self.news.changed(child.record.parent, child.key, after)

    async def gone(self, name: AppName) -> None:
        """The objects of a child that was to be deleted with them are gone. Raises `StoreError` if that cannot be kept;
        then it is deleted once more after the next start.
        """
        child = self._book.get(name)
        if child is not None and child.deleting:
            self._drop(child)
            with anyio.CancelScope(shield=True):
                await self._journal.remove_child(name)

    # Inside

    def _rehearsed(self, parent: AppName | None, desired: DesiredObject) -> None:
        """Raises `SpecError`. An object that does not say who wants it is checked as far as that goes."""
        if parent is not None:
            self._checked(parent, desired.key, _written(desired))
        elif desired.key.group_kind != PROJECT:
            self._reader.read(_written(desired))

    def _checked(self, parent: AppName, key: ObjectKey, manifest: Manifest) -> AppSpec:
        """The application that `parent` wants to have. Raises `SpecError`."""
        renders = self._keeper.spec(parent)
        if renders is None:
            raise SpecError(f"application {parent} is not there any more", where=str(key))
        if key.group_kind == PROJECT:
            raise refuse_project(renders, manifest.name, manifest.origin)
        spec = self._reader.read(manifest)
        taken = self._taken(spec.name, parent, key)
        check_child(spec, Family(renders, self._book.parents(parent), taken, self._waits))
        return spec

    def _taken(self, name: AppName, parent: AppName, key: ObjectKey) -> str:
        """Who has the name. A child whose parent is not there any more, or does not want it any more, is nobody's."""
        configured = self._book.configured.get(name)
        if configured is not None:
            return f"the configuration has it, at {configured.position}"
        child = self._book.get(name)
        owner = child.record.parent if child is not None else self._writing.get(name, parent)
        if owner != parent:
            gave_up = child is not None and not self._keeper.wants(owner, child.key)
            return f"{owner} has it among its manifests" if self._keeper.spec(owner) is not None and not gave_up else ""
        if child is not None and child.key != key:
            return f"{parent} has it also in namespace {child.key.namespace}"
        return ""

    def _waits(self, name: AppName) -> Iterator[AppName]:
        spec = self._keeper.spec(name)
        yield from waited_for(spec) if spec is not None else ()
        for child in self._book.of(name):
            yield child.record.name

    async def _keep(self, record: ChildRecord, spec: AppSpec) -> LiveObject:
        if record.name in self._writing:
            raise _conflict(record.name, "it is being changed by somebody else")
        self._writing[record.name] = record.parent
        try:
            await self._save(record)
        finally:
            del self._writing[record.name]
        before = self._book.get(record.name)
        if before is not None and before.record.parent != record.parent:
            self.news.changed(before.record.parent, before.key, None)
        child = self._book.enter(record, spec)
        self._keeper.take(self._book.admitted(child))
        for below in self._book.of(record.name):
            if not below.deleting:
                self._keeper.take(self._book.admitted(below))
        live = self._shown(child)
        self.news.changed(record.parent, child.key, live, wake=False)
        return live

    async def _save(self, record: ChildRecord) -> None:
        """Whoever is cancelled does not know whether it was kept: so nobody is, for that moment."""
        with anyio.CancelScope(shield=True):
            await self._journal.save_child(record)

    def _drop(self, child: Child) -> None:
        self._book.drop(child)
        self.news.changed(child.record.parent, child.key, None)

    def _read_again(self, record: ChildRecord) -> AppSpec:
        try:
            return self._reader.read(record.written)
        except GitopsdError as error:
            return lost(record, str(error))

    def _live(self, child: Child) -> LiveObject:
        return child.live or self._shown(child)

    def _shown(self, child: Child) -> LiveObject:
        """The child as it is now; the same value where it is as it was."""
        fresh = live_of(child.record, child.spec, self._keeper.shown(child.record.name))
        if child.live is None or child.live.resource_version != fresh.resource_version:
            child.live = fresh
        return child.live


def _written(desired: DesiredObject) -> Manifest:
    body: JsonObject = desired.document.body()
    return Manifest(body, desired.origin)


def _conflict(name: str, why: str) -> ClusterError:
    return ClusterError(
        "the application cannot be changed now", where=name, why=why, status=409, reason="Conflict", retryable=True
    )
