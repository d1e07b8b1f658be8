"""What nobody can see of a cluster now, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    a conversion webhook or an aggregated API that does not answer. Where only some `namespaces` are looked at,
    `elsewhere` is why nothing can be read in any other; objects of the kinds `held` are on no cluster. False where all
    can be read.

    Whether an object is there is unknown only where `why` says something; whoever goes by *all* objects of an
    application (a deletion) has to look at `hides`.
    """

    reasons: Mapping[KindPlace, str] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    elsewhere: str = ""
    held: frozenset[GroupKind] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.reasons or self.namespaces)

    def why(self, key: ObjectKey) -> str:
        """Why nobody can say whether `key` is there, in words that name kind and place; "" if somebody can."""
        if not self.reasons and not self._is_elsewhere(key.namespace):
            return ""  # as nearly always: asked for each object at each pass
        here = KindPlace(key.group_kind, key.namespace)
        if here.kind in self.held:
            return ""
        for place in (KindPlace(here.kind), here):
            if place in self.reasons:
                return f"{place} cannot be read: {self.reasons[place]}"
        return f"{here} cannot be read: {self.elsewhere}" if self._is_elsewhere(key.namespace) else ""

    def hides(self, namespaces: Iterable[str]) -> tuple[str, str] | None:
        """Somewhere that cannot be read (always the same place) and why, for an application that has, or had, objects
        in `namespaces`; None where all of it can be read.
        """
        if self.reasons:
            place, why = min(self.reasons.items())
            return str(place), why
        namespace = min(filter(self._is_elsewhere, namespaces), default=None)
        return (f"namespace {namespace}", self.elsewhere) if namespace is not None else None

    def _is_elsewhere(self, namespace: str) -> bool:
        return bool(self.namespaces and namespace) and namespace not in self.namespaces


ALL_READABLE: Final = Unreadable()
