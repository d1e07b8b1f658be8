"""The names by which things are known: applications, kinds, objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, NewType

AppName = NewType("AppName", str)


class GroupKind(NamedTuple):
    """A kind without its version; `group` is "" for the core group."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}" if self.group else self.kind


class GVK(NamedTuple):
    """Group, version and kind, as in an object's `apiVersion` and `kind`."""

    group: str
    version: str
    kind: str

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, api_version: str, kind: str) -> GVK:
        """From the two fields as they stand in a manifest (`apps/v1`, `v1`); one value for all objects of a kind."""
        group, slash, version = api_version.rpartition("/")
        return cls(group if slash else "", version, kind)

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> GroupKind:
        """Without the version."""
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        return f"{self.api_version} {self.kind}"


class ObjectKey(NamedTuple):
    """One object in one cluster, whatever the version it is read at. `namespace` is "" for cluster-scoped objects."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def group_kind(self) -> GroupKind:
        """The object's kind."""
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.group}/{self.kind} {place}" if self.group else f"{self.kind} {place}"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: line and column count from 1, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file:line:column`, as far as known."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


NOWHERE = Position("")
"""For values that come from no file."""
