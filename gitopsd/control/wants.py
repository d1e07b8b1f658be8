"""Who wants which objects, found by the object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gitopsd.core.appstatus import ResourceStatus
from gitopsd.core.childapps import is_held
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.manifest import Desired

Source = Desired | Sequence[ResourceStatus]
"""What an application wants: the manifests that it was compared with, or what it had when it was last looked at."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one application wants on the cluster with the URL `server` ("": nobody knows yet on which one it is).
    `known`: it was compared, so that it is not to be asked again.
    """

    server: str
    source: Source
    known: bool

    def objects(self) -> Iterator[ObjectKey]:
        """Which objects these are."""
        if isinstance(self.source, Desired):
            return (item.key for item in self.source.objects)
        return (item.key for item in self.source if not item.requires_pruning)


@dataclass(slots=True)
class _Place:
    """One cluster: `first` is one of those who want an object, `more` the others, where there are any; `unknown` are
    those of whom nobody knows what they want.
    """

    first: dict[ObjectKey, AppName] = field(default_factory=dict)
    more: dict[ObjectKey, set[AppName]] = field(default_factory=dict)
    unknown: dict[AppName, None] = field(default_factory=dict)

    def put(self, key: ObjectKey, name: AppName) -> None:
        if self.first.setdefault(key, name) != name:
            self.more.setdefault(key, set()).add(name)

    def take(self, key: ObjectKey, name: AppName) -> None:
        more = self.more.get(key)
        if self.first.get(key) == name:
            if more:
                self.first[key] = more.pop()
            else:
                del self.first[key]
        elif more:
            more.discard(name)
        if more is not None and not more:
            del self.more[key]


class Wants:
    """Owns the index. What it costs to keep it up follows what changes, what an answer costs the objects asked for;
    neither follows the number of applications.

    An `Application` among the objects is on no cluster: whoever asks for it on any is told.
    """

    def __init__(self) -> None:
        self._wants: dict[AppName, Want] = {}
        self._places: dict[str, _Place] = {}

    def put(self, name: AppName, want: Want) -> None:
        """This is what the application wants from now on."""
        before = self._wants.get(name)
        if before is None or before.source is not want.source or before.server != want.server:
            self.drop(name)
            for key in want.objects():
                self._place(_server_of(key, want)).put(key, name)
        self._wants[name] = want
        unknown = self._place(want.server).unknown
        if want.known:
            unknown.pop(name, None)
        else:
            unknown[name] = None

    def drop(self, name: AppName) -> None:
        """It wants nothing."""
        want = self._wants.pop(name, None)
        if want is None:
            return
        for key in want.objects():
            self._place(_server_of(key, want)).take(key, name)
        self._place(want.server).unknown.pop(name, None)

    def get(self, name: AppName) -> Want | None:
        """What the application wants; None if it is not known here."""
        return self._wants.get(name)

    def of(self, server: str, key: ObjectKey) -> Sequence[AppName]:
        """Who wants the object on this cluster, or on one that nobody knows yet."""
        found: list[AppName] = []
        for place in self._at(server):
            if key in place.first:
                found += (place.first[key], *place.more.get(key, ()))
        return found

    def unknown(self, server: str) -> Iterable[AppName]:
        """The applications on this cluster, or on one that nobody knows yet, of which nobody knows what they want."""
        for place in self._at(server):
            yield from place.unknown

    def _place(self, server: str) -> _Place:
        return self._places.setdefault(server, _Place())

    def _at(self, server: str) -> Iterable[_Place]:
        return (self._places[one] for one in dict.fromkeys((server, "")) if one in self._places)


def _server_of(key: ObjectKey, want: Want) -> str:
    return "" if is_held(key.group_kind) else want.server
