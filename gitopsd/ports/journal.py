"""What must survive a kill at any moment: operations in flight, history, pins and deletions (design decision 7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gitopsd.core.childapps import ChildRecord
from gitopsd.core.history import Deletion, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation


class Journal(Protocol):
    """All methods raise `StoreError`, and then nothing of what they were to write is there; else it is, even after a
    kill, as soon as they return. Calls that come together may share one transaction. A caller that is cancelled does
    not know: it may be written or not.

    Objects and hooks are kept by what they are, each set once (`manifests`); with the last operation, history entry,
    pin or deletion that names it a set is dropped. Values of Secrets among them are encrypted with a key that is kept
    elsewhere (S14).
    """

    async def begin(self, app: AppName, operation: Operation, wanted: Desired) -> Operation:
        """Keep an operation with its plan and all that it applies, before its first step; the operation with its
        `manifests`. One of the same application that was in flight before is forgotten.
        """
        ...

    async def note(self, app: AppName, operation: Operation) -> None:
        """Keep how far it came; its plan stays as it was begun. `StoreError` if it is not in flight (any more)."""
        ...

    async def end(self, app: AppName, operation: Operation, past: Past | None) -> None:
        """It is over: not in flight any more, and the one that `ended` gives. `past` is the application's history from
        now on, None if unchanged.
        """
        ...

    async def ended(self) -> Mapping[AppName, Operation]:
        """How the last operation of each application ended that was in flight, without plan and results: what a kill
        kept from being told otherwise.
        """
        ...

    async def in_flight(self) -> Mapping[AppName, Operation]:
        """The operations that have begun and not ended, with their plans. One that cannot be read is left out."""
        ...

    async def past(self, app: AppName) -> Past:
        """Its history and pin."""
        ...

    async def save_past(self, app: AppName, past: Past) -> None:
        """Its history and pin from now on."""
        ...

    async def pins(self) -> Mapping[AppName, Pin]:
        """Of all applications that are pinned."""
        ...

    async def manifests(self, name: str) -> Desired:
        """The objects and hooks of that name. `StoreError` if they are not there, or cannot be decrypted."""
        ...

    async def keep(self, app: AppName, wanted: Desired) -> str:
        """Keep these objects and hooks, and give their name, until a deletion, history entry or pin of the application
        names them, or others are kept for it.
        """
        ...

    async def deletions(self) -> Sequence[Deletion]:
        """The deletions under way, and those whose applications are still configured."""
        ...

    async def save_deletion(self, deletion: Deletion) -> None:
        """Keep how far it came."""
        ...

    async def children(self) -> Sequence[ChildRecord]:
        """The applications that others brought (app of apps). One that cannot be read is left out."""
        ...

    async def child_names(self) -> Collection[AppName]:
        """The names of all applications that others brought, also of those that cannot be read."""
        ...

    async def save_child(self, child: ChildRecord) -> None:
        """Keep it in the place of the one of its name."""
        ...

    async def remove_child(self, name: AppName) -> None:
        """It is not there any more. One that is not known is no error."""
        ...

    async def forget(self, app: AppName) -> None:
        """Nothing of this application is needed any more: history, pin, operation and deletion. The applications that
        it brought stay, and so does it if another one brought it.
        """
        ...
