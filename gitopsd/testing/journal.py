"""A journal in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio.lowlevel

from gitopsd.core.childapps import ChildRecord
from gitopsd.core.errors import StoreError
from gitopsd.core.history import NOTHING_PAST, Deletion, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.ports.journal import Journal


@dataclass(slots=True)
class _Kept:
    """What is known of one application; `held` names what nothing else of it names yet."""

    operation: Operation | None = None
    ended: Operation | None = None
    past: Past = NOTHING_PAST
    deletion: Deletion | None = None
    held: str = ""

    def release(self, named: str) -> None:
        """What is named now is not held any more."""
        if self.held == named:
            self.held = ""

    def remember(self, past: Past) -> None:
        """Its history and pin from now on."""
        self.past = past
        for named in (*past.entries, *((past.pin,) if past.pin is not None else ())):
            self.release(named.manifests)

    def named(self) -> Iterator[str]:
        """The manifests that it needs."""
        if self.operation is not None:
            yield self.operation.manifests
        if self.past.pin is not None:
            yield self.past.pin.manifests
        if self.deletion is not None:
            yield self.deletion.manifests
        yield from (entry.manifests for entry in self.past.entries)
        yield self.held


@dataclass(slots=True)
class _Sets:
    """Sets of objects and hooks, each once, by name."""

    by_name: dict[str, Desired] = field(default_factory=dict)
    count: int = 0

    def add(self, wanted: Desired) -> str:
        """Its name, the same for equal ones."""
        bare = replace(wanted, warnings=(), doubts=(), problems=(), excluded=())
        for name, known in self.by_name.items():
            if known.digest == bare.digest and known == bare:
                return name
        self.count += 1
        name = f"manifests-{self.count}"
        self.by_name[name] = bare
        return name


class FakeJournal:
    """`ports.Journal` in memory. Hand it to the next daemon, and it is what the one before left behind.

    `fail(message)` makes each method raise until `heal()`; `fail_after(calls)` from the then next write on.
    `entries` are the writes that succeeded, as (method, application), in order.
    """

    def __init__(self) -> None:
        self._apps: dict[AppName, _Kept] = {}
        self._sets = _Sets()
        self._children: dict[AppName, ChildRecord] = {}
        self._error = ""
        self._message = ""
        self._writes_left: int | None = None
        self.entries: list[tuple[str, str]] = []

    def fail(self, message: str = "the disk is full") -> None:
        """From now on every method raises a retryable `StoreError`."""
        self._error = message

    def fail_after(self, writes: int, message: str = "the disk is full") -> None:
        """Let so many writes succeed, and fail from then on."""
        self._writes_left, self._message = writes, message

    def heal(self) -> None:
        """Work again."""
        self._error, self._writes_left = "", None

    @property
    def names(self) -> frozenset[str]:
        """The names of all manifests that are kept."""
        return frozenset(self._sets.by_name)

    async def begin(self, app: AppName, operation: Operation, wanted: Desired) -> Operation:
        """Keep an operation with its plan and manifests."""
        kept = await self._write("begin", app)
        begun = replace(operation, manifests=self._sets.add(wanted))
        with self._dropping(kept):
            kept.operation = begun
        return begun

    async def note(self, app: AppName, operation: Operation) -> None:
        """Keep how far it came."""
        begun = self._begun(app, operation)
        kept = await self._write("note", app)
        kept.operation = replace(operation, plan=begun.plan, manifests=begun.manifests)

    async def end(self, app: AppName, operation: Operation, past: Past | None) -> None:
        """It is over."""
        kept = await self._write("end", app)
        with self._dropping(kept):
            if kept.operation is not None and kept.operation.id == operation.id:
                kept.operation = None
                kept.ended = operation.outcome
            if past is not None:
                kept.remember(past)

    async def in_flight(self) -> Mapping[AppName, Operation]:
        """What began and did not end."""
        await self._arrive()
        return {name: kept.operation for name, kept in self._apps.items() if kept.operation is not None}

    async def ended(self) -> Mapping[AppName, Operation]:
        """How the last operations ended."""
        await self._arrive()
        return {app: kept.ended for app, kept in self._apps.items() if kept.ended and not kept.operation}

    async def past(self, app: AppName) -> Past:
        """Its history and pin."""
        await self._arrive()
        return self._apps[app].past if app in self._apps else NOTHING_PAST

    async def save_past(self, app: AppName, past: Past) -> None:
        """Its history and pin from now on."""
        kept = await self._write("save_past", app)
        with self._dropping(kept):
            kept.remember(past)

    async def pins(self) -> Mapping[AppName, Pin]:
        """Of all applications that are pinned."""
        await self._arrive()
        return {name: kept.past.pin for name, kept in self._apps.items() if kept.past.pin is not None}

    async def manifests(self, name: str) -> Desired:
        """The objects and hooks of that name."""
        await self._arrive()
        if name not in self._sets.by_name:
            raise StoreError("these manifests are not kept (any more)", where=name)
        return self._sets.by_name[name]

    async def keep(self, app: AppName, wanted: Desired) -> str:
        """Keep these for a deletion."""
        kept = await self._write("keep", app)
        name = self._sets.add(wanted)
        with self._dropping(kept):
            kept.held = name
        return name

    async def deletions(self) -> Sequence[Deletion]:
        """All that were saved and not forgotten."""
        await self._arrive()
        return [kept.deletion for kept in self._apps.values() if kept.deletion is not None]

    async def save_deletion(self, deletion: Deletion) -> None:
        """Keep how far it came."""
        kept = await self._write("save_deletion", AppName(deletion.app))
        with self._dropping(kept):
            kept.deletion = deletion
            kept.release(deletion.manifests)

    async def children(self) -> Sequence[ChildRecord]:
        """The applications that others brought."""
        await self._arrive()
        return [self._children[name] for name in sorted(self._children)]

    async def child_names(self) -> Collection[AppName]:
        """The names of all applications that others brought."""
        await self._arrive()
        return frozenset(self._children)

    async def save_child(self, child: ChildRecord) -> None:
        """Keep it in the place of the one of its name."""
        await self._write("save_child", child.name)
        self._children[child.name] = child

    async def remove_child(self, name: AppName) -> None:
        """It is not there any more."""
        await self._write("remove_child", name)
        self._children.pop(name, None)

    async def forget(self, app: AppName) -> None:
        """Nothing of this application is needed any more."""
        kept = await self._write("forget", app)
        with self._dropping(kept):
            kept.operation, kept.past, kept.deletion, kept.held = None, NOTHING_PAST, None, ""

    def _begun(self, app: AppName, operation: Operation) -> Operation:
        begun = self._apps[app].operation if app in self._apps else None
        if begun is None or begun.id != operation.id:
            raise StoreError("the operation is not in the journal", where=app)
        return begun

    @contextmanager
    def _dropping(self, kept: _Kept) -> Iterator[None]:
        """Drop what this application named before and nobody names afterwards."""
        before = set(kept.named())
        yield
        gone = before.difference(kept.named())
        if gone:
            gone.difference_update(name for other in self._apps.values() for name in other.named())
        for name in gone:
            self._sets.by_name.pop(name, None)

    async def _arrive(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self._error:
            raise StoreError("cannot use the state on disk", why=self._error, hint="free some space", retryable=True)

    async def _write(self, method: str, app: AppName) -> _Kept:
        if self._writes_left == 0:
            self._error = self._message
        await self._arrive()
        if self._writes_left is not None:
            self._writes_left -= 1
        self.entries.append((method, app))
        return self._apps.setdefault(app, _Kept())


if TYPE_CHECKING:
    _guard: Journal = FakeJournal()
