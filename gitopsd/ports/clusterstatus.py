"""What is told of a cluster: never how gitopsd gets in (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core.ids import GroupKind
from gitopsd.ports.cluster import Connection

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class WatchedKind:
    """A kind that is watched: how many objects of it are kept for applications, and how many there are in all.

    `events` counts the changes that its watch has told since it began; `errors` say where it cannot be kept up now, and
    why. `failing_in` is where, if it can be kept up in other namespaces.
    """

    group: str
    version: str
    kind: str
    kept: int
    seen: int
    events: int = 0
    errors: tuple[str, ...] = ()
    failing_in: tuple[str, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether it cannot be read now, everywhere or in some namespace."""
        return bool(self.errors)


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster. `applications` is how many name it as their destination; `api_resources` how many kinds it is known
    to serve; `written_at` where it stands. `namespaces` empty: all are looked at.
    """

    name: str
    server: str
    connection: Connection
    written_at: str = ""
    project: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = True
    api_resources: int = 0
    kinds: tuple[WatchedKind, ...] = ()
    applications: int = 0

    @property
    def unreadable(self) -> str:
        """What cannot be read now, in short; "" where everything can be."""
        failing = [kind for kind in self.kinds if kind.failing]
        partly = sum(bool(kind.failing_in) for kind in failing)
        match failing:
            case []:
                return ""
            case [kind]:
                return f"{GroupKind(kind.group, kind.kind)} cannot be read{_within(kind.failing_in)}"
            case _ if not partly:
                return f"{len(failing)} kinds cannot be read"
            case _ if partly == len(failing):
                return f"{partly} kinds cannot be read in some namespaces"
            case _:
                return f"{len(failing)} kinds cannot be read, {partly} of them only in some namespaces"


def _within(namespaces: tuple[str, ...]) -> str:
    more = len(namespaces) - _NAMED
    if more > 1:
        return f" in {', '.join(namespaces[:_NAMED])} and {more} more namespaces"
    return f" in {', '.join(namespaces)}" if namespaces else ""
