"""What is told of a cluster: never how gitopsd gets in (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.ports.cluster import Connection


@dataclass(frozen=True, slots=True)
class WatchedKind:
    """A kind that is watched: how many objects of it are kept for applications, and how many there are in all.

    `events` counts the changes that its watch has told since it began; `errors` say why it cannot be kept up now, one
    for each namespace where it cannot, or one for all.
    """

    group: str
    version: str
    kind: str
    kept: int
    seen: int
    events: int = 0
    errors: tuple[str, ...] = ()

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
