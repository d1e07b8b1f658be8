"""Fields that do not count when git and cluster are compared."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from gitopsd.core.fieldpath import FieldPath
from gitopsd.core.ids import NOWHERE, GroupKind, ObjectKey, Position


@dataclass(frozen=True, slots=True)
class KindPattern:
    """Kinds by globs; `*` for the group is every group, "" the core group."""

    group: str
    kind: str

    def fits(self, kind: GroupKind) -> bool:
        """Whether it means `kind`."""
        return fnmatchcase(kind.group, self.group) and fnmatchcase(kind.kind, self.kind)

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}" if self.group else self.kind


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """Fields of some objects that do not count: by path, by jq expression, by the field managers that own them.

    `name` and `namespace` narrow it down ("" is any). `position` is where it is written.
    """

    kinds: KindPattern
    name: str = ""
    namespace: str = ""
    paths: tuple[FieldPath, ...] = ()
    jq: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    position: Position = NOWHERE

    def fits(self, key: ObjectKey) -> bool:
        """Whether it speaks of this object."""
        return (
            self.kinds.fits(key.group_kind)
            and (not self.name or self.name == key.name)
            and (not self.namespace or self.namespace == key.namespace)
        )
