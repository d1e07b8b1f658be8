"""Child applications, and what is to be done where nobody can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitopsd.control.children import Children, Keeper
from gitopsd.control.children_cluster import ClustersWithChildren
from gitopsd.control.errands import Errands
from gitopsd.control.world import World
from gitopsd.core.app import AppSpec
from gitopsd.core.childapps import ChildRecord
from gitopsd.core.errors import StoreError
from gitopsd.core.ids import AppName
from gitopsd.ports.cluster import Clusters


class ChildApplications:
    """`Children`, if the world can read `Application` manifests; else these are objects like any other, and nobody has
    children.
    """

    def __init__(self, world: World, keeper: Keeper, errands: Errands) -> None:
        reader = world.applications
        self._children = Children(world.journal, reader, world.clock, keeper) if reader is not None else None
        self._on_store_trouble = world.on_store_trouble
        self._errands = errands
        self.clusters: Clusters = (
            ClustersWithChildren(world.clusters, self._children) if self._children is not None else world.clusters
        )
        """The world's clusters, as those see them who have children."""

    async def restore(self, records: Sequence[ChildRecord]) -> None:
        """Know those that were there before a restart."""
        if self._children is not None:
            await self._children.restore(records)

    async def reread(self) -> None:
        """What applications are checked against changed."""
        if self._children is not None:
            await self._children.reread()

    def specs(self, configured: Mapping[AppName, AppSpec]) -> Sequence[AppSpec]:
        """Those to work for beside the applications that are `configured` from now on."""
        return self._children.specs(configured) if self._children is not None else ()

    def leaving(self) -> Sequence[AppSpec]:
        """Those whose objects are being deleted, or were to be when the daemon was killed."""
        return self._children.leaving() if self._children is not None else ()

    def parent_of(self, name: AppName) -> AppName | None:
        """Who brought the application; None for one of the configuration."""
        return self._children.parent_of(name) if self._children is not None else None

    def looked(self, name: AppName) -> None:
        """A pass over the application ended, or it stands otherwise: its parent may have to look."""
        if self._children is not None:
            self._children.looked(name)

    def gone(self, name: AppName) -> None:
        """Nothing is left of the application: if it was a child, it is one no more. Done beside."""
        if self._children is not None:
            self._errands.start(self._forget, self._children, name)

    async def _forget(self, children: Children, name: AppName) -> None:
        try:
            await children.gone(name)
        except StoreError as error:
            self._on_store_trouble(error)
