"""Comparing with a cluster without a daemon, through the daemon's own rooms: what `gitopsd diff PATH` shows.

Nothing is written: objects are read, and dry-runs asked for.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import orjson

from gitopsd.config import Config
from gitopsd.control.comparing import Comparer
from gitopsd.core.annotations import TRACKING_ID
from gitopsd.core.app import AppSpec, Destination, Tracking
from gitopsd.core.compare import Comparison
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.desired import desired, wanted_kinds
from gitopsd.core.difference import ObjectDifferences, differing, object_differences
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError, SpecError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import Desired, DesiredObject, Manifest
from gitopsd.core.normalize import CompareRules
from gitopsd.core.tracking import INSTALLATION_ID
from gitopsd.core.unreadable import KindPlace, Unreadable
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.judging import Judging
from gitopsd.daemon.offline import ran
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.objects import from_raw
from gitopsd.kube.refusal import concerns_all
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.engine import locate

_READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster: one of `accesses`, as a `destination` finds it. `resources` is what is said of kinds; `engine` is
    the program that evaluates jq expressions, None if there is none.
    """

    accesses: tuple[ClusterAccess, ...]
    destination: Destination
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found: the objects that differ, how many there are in all, and what else is worth a word."""

    objects: tuple[ObjectDifferences, ...]
    count: int
    warnings: tuple[str, ...] = ()


def by_context(environ: Mapping[str, str], context: str, config: Config | None) -> Place:
    """A context of the person's kubeconfig ($KUBECONFIG, else ~/.kube/config); "" is its current one."""
    named = [path for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    kubeconfig = next(iter(named), os.path.expanduser("~/.kube/config"))
    access = ClusterAccess(context or "of the kubeconfig", kubeconfig=kubeconfig, context=context)
    resources = config.resources if config is not None else ResourceSettings()
    return Place((access,), Destination(name=access.name), resources, _engine(config, environ))


def by_destination(environ: Mapping[str, str], config: Config, destination: Destination) -> Place:
    """A cluster of the configuration, as an application names it."""
    return Place(config.clusters, destination, config.resources, _engine(config, environ))


def find_target(place: Place) -> RenderTarget:
    """What templates see of the cluster. Blocks. Raises `SpecError` and `ClusterError`."""

    async def found() -> RenderTarget:
        async with _cluster(place) as cluster:
            return await cluster.target()

    return ran(found)


def compare_folder(place: Place, manifests: Sequence[Manifest], namespace: str) -> Compared:
    """Manifests that belong to no application; `namespace` is for those that name none. Blocks. Raises as
    `find_target`.
    """
    spec = AppSpec(AppName("-"), (), Destination(namespace=namespace or "default"))
    return ran(partial(_compared, place, spec, manifests, by_application=False))


def compare_application(place: Place, spec: AppSpec, manifests: Sequence[Manifest]) -> Compared:
    """An application's manifests, and what is left of it in the cluster. Blocks. Raises as `find_target`."""
    return ran(partial(_compared, place, spec, manifests, by_application=True))


async def _compared(place: Place, spec: AppSpec, manifests: Sequence[Manifest], *, by_application: bool) -> Compared:
    async with _cluster(place) as cluster:
        wanted = desired(spec, manifests, await cluster.kinds(wanted_kinds(manifests)))
        if wanted.problems:
            raise SpecError("these manifests cannot be applied", why="; ".join(wanted.problems), hint="correct them")
        warnings = [*wanted.warnings, *wanted.doubts, *_left_out(wanted, cluster)]
        wanted = replace(
            wanted, objects=tuple(one for one in wanted.objects if not cluster.excluded(one.key.group_kind))
        )
        if by_application:
            live = await cluster.observe(
                spec.name, [one.key for one in wanted.objects], {one.gvk for one in wanted.objects}
            )
        else:
            live = await _read(cluster, wanted)
        tracking = place.resources.tracking
        objects = tuple(
            _marked_as(one, live.objects.get(one.key), tracking, own=by_application) for one in wanted.objects
        )
        rules = CompareRules.of(place.resources, spec.ignore_differences)
        async with Judging(place.engine, ResourceSettings(), ()) as judging:
            comparer = Comparer(rules, cluster.predict, judging.expressions)
            comparison = await comparer.compare(replace(wanted, objects=objects), live)
        masked = place.resources.mask_annotations
        return await anyio.to_thread.run_sync(_told, comparison, masked, warnings)


def _told(comparison: Comparison, masked: frozenset[str], warnings: Sequence[str]) -> Compared:
    found = tuple(object_differences(item, comparison.rules, masked) for item in differing(comparison))
    return Compared(found, len(comparison.objects), tuple(warnings))


def _left_out(wanted: Desired, cluster: KubeCluster) -> list[str]:
    excluded = [str(one.key) for one in wanted.objects if cluster.excluded(one.key.group_kind)]
    found = [f"not compared, because the configuration excludes their kinds: {', '.join(excluded)}"] if excluded else []
    if wanted.hooks:
        found.append(
            f"hooks are not compared: {', '.join(f'{hook.gvk.kind} {hook.key.name}' for hook in wanted.hooks)}"
        )
    return found


async def _read(cluster: KubeCluster, wanted: Desired) -> Live:
    """The objects one by one, so that nobody needs the right to list whole clusters."""
    found: dict[ObjectKey, LiveObject] = {}
    unreadable: dict[KindPlace, str] = {}
    broken: list[ClusterError] = []
    known = await cluster.kinds({one.gvk for one in wanted.objects})
    limiter = anyio.CapacityLimiter(_READS_AT_ONCE)

    async def read(one: DesiredObject) -> None:
        try:
            async with limiter:
                raw = await cluster.look_up(one.gvk, one.key.namespace, one.key.name)
        except ClusterError as error:
            if concerns_all(error):
                broken.append(error)
            else:
                unreadable[KindPlace(one.key.group_kind, one.key.namespace)] = str(error)
            return
        if orjson.loads(raw):
            found[one.key] = from_raw(raw, one.gvk)

    async with anyio.create_task_group() as tasks:
        for one in wanted.objects:
            if one.gvk in known:
                tasks.start_soon(read, one)
    if broken:
        raise broken[0]
    return Live(found, Unreadable(unreadable))


def _marked_as(one: DesiredObject, there: LiveObject | None, tracking: Tracking, *, own: bool) -> DesiredObject:
    """What is desired with the marks of whoever tracks the live object; without any where nobody does. `own`: those of
    its application count where somebody tracks it.
    """
    if there is None:
        return one
    body, marks = one.document.body(), mapping(there.document.body(), "metadata")
    tracked = bool(text(marks, "annotations", TRACKING_ID) or there.owner)
    if own and tracked:
        return one
    metadata = _with_mark(_with_mark(mapping(body, "metadata"), marks, TRACKING_ID), marks, INSTALLATION_ID)
    label = text(marks, "labels", tracking.label)
    if tracked and label and not text(metadata, "labels", tracking.label):
        metadata = {**metadata, "labels": {**mapping(metadata, "labels"), tracking.label: label}}
    document = Document(canonical({**body, "metadata": metadata}))
    return replace(one, document=document, digest=document.digest())


def _with_mark(metadata: JsonObject, live: JsonObject, name: str) -> JsonObject:
    annotations = {key: item for key, item in mapping(metadata, "annotations").items() if key != name}
    mark = text(live, "annotations", name)
    if mark:
        annotations[name] = mark
    kept = {key: item for key, item in metadata.items() if key != "annotations"}
    return {**kept, "annotations": annotations} if annotations else kept


@asynccontextmanager
async def _cluster(place: Place) -> AsyncGenerator[KubeCluster]:
    async with KubeClusters(place.accesses, clock=SystemClock(), resources=place.resources) as clusters:
        yield clusters.find(server=place.destination.server, name=place.destination.name)


def _engine(config: Config | None, environ: Mapping[str, str]) -> str | None:
    return locate(config.render.engine if config is not None else "", environ)
