"""Which applications others brought, and who brought whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gitopsd.core.app import AppSpec
from gitopsd.core.childapps import MOST_LEVELS, ChildRecord, key_of, outside_project
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import LiveObject


@dataclass(slots=True)
class Child:
    """`spec` is what its manifest says, `live` how it was last shown to its parent."""

    record: ChildRecord
    spec: AppSpec
    key: ObjectKey
    live: LiveObject | None = None

    @property
    def deleting(self) -> bool:
        """Whether its objects are being deleted."""
        return self.record.deleting is not None


class ChildBook:
    """The children by name and by parent. One that has the name of an application of the configuration is hidden: it
    counts as if it were not there.
    """

    def __init__(self) -> None:
        self.configured: Mapping[AppName, AppSpec] = {}
        self._children: dict[AppName, Child] = {}
        self._by_parent: dict[AppName, dict[ObjectKey, AppName]] = {}

    def all(self) -> Sequence[Child]:
        """All of them, hidden ones too."""
        return list(self._children.values())

    def get(self, name: AppName) -> Child | None:
        """The child of this name."""
        return self._children.get(name) if name not in self.configured else None

    def of(self, parent: AppName) -> Iterator[Child]:
        """The children of an application."""
        for name in tuple(self._by_parent.get(parent, {}).values()):
            if child := self.get(name):
                yield child

    def named(self, parent: AppName, key: ObjectKey) -> Child | None:
        """The child of an application that is this object to it."""
        name = self._by_parent.get(parent, {}).get(key)
        return self.get(name) if name is not None else None

    def find(self, parent: AppName, live: LiveObject) -> Child | None:
        """The child that is exactly this object, and no later one of its name."""
        child = self.named(parent, live.key)
        return child if child is not None and child.record.uid == live.uid else None

    def parents(self, name: AppName) -> Sequence[AppName]:
        """The application, who brought it, who brought that one, and so on."""
        found = [name]
        while len(found) <= MOST_LEVELS + 1 and (child := self.get(found[-1])):
            found.append(child.record.parent)
        return found

    def admitted(self, child: Child) -> AppSpec:
        """The application, never to be synced if its parent's project is another one by now."""
        above = self.get(child.record.parent)
        parent = self.configured.get(child.record.parent) or (above.spec if above is not None else None)
        refused = outside_project(child.spec, parent) if parent is not None else None
        return child.spec if refused is None else replace(child.spec, unsupported=(str(refused),))

    def enter(self, record: ChildRecord, spec: AppSpec) -> Child:
        """Know it, or know it by what it is now."""
        child = self._children.get(record.name)
        if child is not None and child.record.parent != record.parent:
            self.drop(child)
            child = None
        if child is None:
            child = self._children[record.name] = Child(record, spec, key_of(record.written))
            self._by_parent.setdefault(record.parent, {})[child.key] = record.name
        child.record, child.spec = record, spec
        return child

    def drop(self, child: Child) -> None:
        """Know it no more."""
        record = child.record
        del self._children[record.name]
        siblings = self._by_parent[record.parent]
        del siblings[child.key]
        if not siblings:
            del self._by_parent[record.parent]
