"""Which objects applications have: as the daemon saw them last, else as they are rendered now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio

from gitopsd.config import Config
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.doctor import Finding
from gitopsd.core.errors import GitopsdError, StoreError
from gitopsd.core.ids import AppName, GroupKind
from gitopsd.daemon.doctor.checks import problem
from gitopsd.daemon.offline import Setting, rendered
from gitopsd.ports.renderer import RenderTarget
from gitopsd.store.glance import glance

Objects = Mapping[AppName, frozenset[tuple[GroupKind, str]]]

_SECONDS: Final = 60.0
_MOST_RENDERED: Final = 50
_AT_ONCE: Final = 2


def remembered(folder: Path, area: str) -> tuple[Objects, Sequence[Finding]]:
    """By the state file, and what is wrong with that; without those that were never compared. Blocks."""
    try:
        statuses = glance(folder)
    except StoreError as error:
        return {}, [problem(area, str(folder), error)]
    found = {
        status.name: frozenset((item.key.group_kind, item.key.namespace) for item in status.resources)
        for status in statuses
        # One that was compared may have no objects; one that was not has none that are known.
        if status.resources or status.sync is not SyncCode.UNKNOWN
    }
    return found, ()


async def completed(config: Config, environ: Mapping[str, str], known: Objects) -> Objects:
    """Those that are `known`, and those of others that can be rendered; at most fifty are, within a minute together.

    `config` has the repositories with all that opens them, Argo CD's Secrets included.
    """
    found = {spec.name: known[spec.name] for spec in config.applications if spec.name in known}
    where = Setting(environ, RenderTarget(), config)
    places = anyio.CapacityLimiter(_AT_ONCE)

    async def one(spec: AppSpec) -> None:
        async with places:
            try:
                manifests = (await rendered(where, spec)).manifests
            except (GitopsdError, ExceptionGroup):
                return  # its own words belong to the application's conditions, and to `gitopsd render`
        found[spec.name] = frozenset((each.gvk.group_kind, each.namespace) for each in manifests)

    with anyio.move_on_after(_SECONDS):
        async with anyio.create_task_group() as tasks:
            for spec in [spec for spec in config.applications if spec.name not in found][:_MOST_RENDERED]:
                tasks.start_soon(one, spec)
    return found
