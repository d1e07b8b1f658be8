"""What nobody can see of a cluster now, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gitopsd.core.ids import GroupKind, ObjectKey


class KindPlace(NamedTuple):
    """A kind in one namespace, or everywhere ("")."""

    kind: GroupKind
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} in namespace {self.namespace}" if self.namespace else str(self.kind)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Kinds that cannot be read, everywhere or in single namespaces, each with the reason: no permission to list them,
    a conversion webhook or an aggregated API that does not answer. False where all can be read.

    Whether an object is there is unknown only where `why` says something; of what is elsewhere the rest of the cluster
    tells nothing, so whoever goes by *all* objects of an application (a deletion) has to look at `first`.
    """

    reasons: Mapping[KindPlace, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reasons)

    def why(self, key: ObjectKey) -> str:
        """Why nobody can say whether `key` is there, in words that name kind and place; "" if somebody can."""
        if not self.reasons:
            return ""
        for place in (KindPlace(key.group_kind), KindPlace(key.group_kind, key.namespace)):
            if place in self.reasons:
                return f"{place} cannot be read: {self.reasons[place]}"
        return ""

    def first(self) -> tuple[KindPlace, str]:
        """One of the places, always the same one, and its reason. Raises `ValueError` where there is none."""
        return min(self.reasons.items())


ALL_READABLE: Final = Unreadable()
