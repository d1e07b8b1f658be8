"""Looks for orphaned resources of one application, where its project asks for them."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import ClusterError
from gitopsd.core.orphans import NOT_ASKED, Orphaned, orphaned
from gitopsd.core.project import OrphanedResources
from gitopsd.ports.cluster import Cluster


async def look_for_orphans(
    spec: AppSpec,
    cluster: Cluster,
    settings: OrphanedResources | None,
    before: Orphaned,
    exists: Callable[[str], bool],
) -> Orphaned:
    """What belongs to nobody in the destination's namespace; `before` stands until all kinds were listed.

    `settings` are the project's (None: nobody asks); `exists` says whether there is an application with such a mark.
    """
    if settings is None or not spec.destination.namespace:
        if before.asked:
            await cluster.strays(spec.name, "")
        return NOT_ASKED
    try:
        strays = await cluster.strays(spec.name, spec.destination.namespace)
    except ClusterError as error:
        return Orphaned(asked=True, error=str(error))
    if not strays.complete and before.complete and before.asked:
        return before
    return orphaned(strays, exists, settings)
