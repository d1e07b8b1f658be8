"""Follows the definitions of kinds: CustomResourceDefinitions and APIServices, of both only the metadata."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

import anyio

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.kube.background import Background
from gitopsd.kube.catalog import BUILT_IN, Catalog
from gitopsd.kube.follow import METADATA_ONLY, Follower, Source
from gitopsd.kube.resource import Resource
from gitopsd.kube.retry import Backoff

DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_VERBS: Final = frozenset({"list", "watch"})
_DEFINITIONS: Final = Resource(GVK(DEFINITION.group, "v1", DEFINITION.kind), "customresourcedefinitions", False, _VERBS)
_API_SERVICES: Final = Resource(GVK("apiregistration.k8s.io", "v1", "APIService"), "apiservices", False, _VERBS)
_DEBOUNCE_SECONDS: Final = 0.05
_TRIES: Final = 12


@dataclass(slots=True)
class _Announced:
    """What was said of a group: which plurals it will have, and which no more; `looks` began since the last word."""

    plurals: dict[str, bool] = field(default_factory=dict)
    looks: int = 0


class Definitions:
    """Keeps the catalog up to date once `start` was called; `on_change` hears of kinds that came, went or changed."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        on_change: Callable[[Collection[GroupKind]], None],
        background: Background,
    ) -> None:
        self._source = source
        self._catalog = catalog
        self._on_change = on_change
        self._background = background
        self._started = False
        self._announced: dict[str, _Announced] = {}
        self._looked = anyio.Event()

    def start(self) -> None:
        """Follow from now on; called again it does nothing."""
        if self._started:
            return
        self._started = True
        for resource, sink in ((_DEFINITIONS, _Plurals(self, self._catalog)), (_API_SERVICES, _Versions(self))):
            follower = Follower(self._source, resource, sink, accept=METADATA_ONLY)
            self._background.start_soon(follower.run)

    def touched(self, group: str, plural: str = "", *, served: bool = True) -> None:
        """Something about `group` changed: its `plural` (if that is known) is served now or soon, or not any more.

        Nobody looks any more once the background is over.
        """
        if self._background.is_over:
            return
        announced = self._announced.get(group)
        if announced is None:
            announced = self._announced[group] = _Announced()
            self._background.start_soon(self._refresh, group, announced)
        if plural:
            announced.plurals[plural] = served
        announced.looks = 0

    async def looked(self, group: str) -> bool:
        """Wait for the next look at a group that something was announced of; False if there will be none."""
        if group not in self._announced or self._background.is_over:
            return False
        await self._looked.wait()
        return not self._background.is_over

    async def _refresh(self, group: str, announced: _Announced) -> None:
        """Ask until all that was announced is so: the API server takes a moment to serve a new definition. An answer
        that was under way at the last word knows nothing of it.
        """
        backoff = Backoff(self._source.clock, first=0.1, longest=2.0)
        try:
            await anyio.sleep(_DEBOUNCE_SECONDS)
            while announced.looks < _TRIES:
                announced.looks += 1
                answered = await self._look(group)
                self._tell_looked()
                if answered and announced.looks > 1 and self._is_so(group, announced):
                    break
                await anyio.sleep(backoff.next())
        finally:  # whoever waits for a look must hear that none comes, also where this is cancelled
            del self._announced[group]
            self._tell_looked()

    async def _look(self, group: str) -> bool:
        """Whether the API server told what it serves of the group."""
        try:
            await self._source.link.wait_up()
            changed = await self._catalog.refresh_group(group)
        except ClusterError:
            return False
        if changed:
            self._on_change(changed)
        return True

    def _is_so(self, group: str, announced: _Announced) -> bool:
        return all(self._catalog.has_plural(name, group) == served for name, served in announced.plurals.items())

    def _tell_looked(self) -> None:
        self._looked.set()
        self._looked = anyio.Event()


class _Names:
    """A sink that only looks at names. Lists bring what is known already: `listing` is True while one comes."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.listing = False

    def begin(self) -> None:
        """As `Sink` says."""
        self.listing = True

    def end(self) -> None:
        """As `Sink` says."""
        self.listing = False

    def flush(self) -> None:
        """As `Sink` says; names are told at once."""

    def turned(self) -> None:
        """As `Sink` says; where definitions may not be watched, kinds are found by asking for them."""


class _Plurals(_Names):
    """CustomResourceDefinitions, which are named `<plural>.<group>`."""

    def __init__(self, definitions: Definitions, catalog: Catalog) -> None:
        super().__init__(definitions)
        self._catalog = catalog
        self._first = True

    def end(self) -> None:
        """What vanished between two lists cannot be told by name."""
        super().end()
        self._catalog.is_followed = True
        if not self._first:
            self._catalog.forget()
        self._first = False

    def put(self, raw: bytes, body: JsonObject) -> None:
        """As `Sink` says."""
        del raw
        plural, _, group = text(body, "metadata", "name").partition(".")
        if not self.listing or not self._catalog.has_plural(plural, group):
            self.definitions.touched(group, plural, served="deletionTimestamp" not in mapping(body, "metadata"))

    def remove(self, body: JsonObject) -> None:
        """As `Sink` says."""
        plural, _, group = text(body, "metadata", "name").partition(".")
        self.definitions.touched(group, plural, served=False)


class _Versions(_Names):
    """APIServices, which are named `<version>.<group>`. Each definition has one of these too."""

    def put(self, raw: bytes, body: JsonObject) -> None:
        """As `Sink` says."""
        del raw
        self._tell(body)

    def remove(self, body: JsonObject) -> None:
        """As `Sink` says."""
        self._tell(body)

    def _tell(self, body: JsonObject) -> None:
        group = text(body, "metadata", "name").partition(".")[2]
        if group not in BUILT_IN and not self.listing:
            self.definitions.touched(group)
