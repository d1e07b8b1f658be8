"""At which commits applications stand, found by the place where their sources are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitopsd.core.ids import AppName

Place = tuple[str, str, str]
"""As `Source.place`: sources of one place stand at one revision."""


@dataclass(frozen=True, slots=True)
class Stand:
    """With which commit of each place an application was compared ("": with none yet), on the cluster with the URL
    `server` ("": nobody knows yet on which one it is).
    """

    server: str
    commits: Mapping[Place, str]


class Standing:
    """Owns the index: who stands elsewhere is found without a look at those who stand where they shall."""

    def __init__(self) -> None:
        self._stands: dict[AppName, Stand] = {}
        self._at: dict[tuple[str, Place], dict[str, dict[AppName, None]]] = {}

    def put(self, name: AppName, stand: Stand) -> None:
        """The application stands there from now on."""
        if self._stands.get(name) == stand:
            return
        self.drop(name)
        self._stands[name] = stand
        for place, commit in stand.commits.items():
            self._at.setdefault((stand.server, place), {}).setdefault(commit, {})[name] = None

    def drop(self, name: AppName) -> None:
        """Nobody needs to know where it stands."""
        stand = self._stands.pop(name, None)
        if stand is None:
            return
        for place, commit in stand.commits.items():
            at = self._at[stand.server, place]
            del at[commit][name]
            if not at[commit]:
                del at[commit]
            if not at:
                del self._at[stand.server, place]

    def elsewhere(self, stand: Stand) -> Iterator[AppName]:
        """Who is on the same cluster, or on one that nobody knows yet, and stands at another commit of a place."""
        for place, commit in stand.commits.items():
            for server in dict.fromkeys((stand.server, "")):
                for other, names in self._at.get((server, place), {}).items():
                    if other != commit:
                        yield from names
