"""The application's objects as all worlds have them alike: without uids, times, and the names that are their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import anyio

from tests.crash.scenario import APP
from tests.e2e.world import World

Objects = Mapping[str, object]

_KINDS: Final = ("configmaps", "deployments", "jobs", "pods")
_VOLATILE: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "finalizers"}
)
_BY_UID: Final = frozenset({"controller-uid", "batch.kubernetes.io/controller-uid", "gitopsd.io/operation"})
_CHOSEN: Final = re.compile(r"(generated-)[0-9a-z]+-[a-z]+-\d+(?:-\d+)?")
_SETTLE_SECONDS: Final = 40.0


def alike(world: World, text: str) -> str:
    """`text` without what differs from world to world, and from sync to sync."""
    text = text.replace(world.full(""), "-e").replace(f"w{world.number}.example.org", "w.example.org")
    return _CHOSEN.sub(r"\1", text)


async def settled(world: World, wanted: Objects | None) -> None:
    """Wait until nothing is being deleted any more, and if `wanted` is given the objects there have its names. Not
    longer than a while: what is then missing is seen when they are compared.
    """
    with anyio.move_on_after(_SETTLE_SECONDS):
        for kind in _KINDS:
            names = None if wanted is None else {name for name in wanted if name.startswith(f"{kind}/")}

            def at_rest(here: Mapping[str, Any], kind: str = kind, names: set[str] | None = names) -> bool:
                present = dict(_own(world, kind, here.values()))
                resting = all("deletionTimestamp" not in item["metadata"] for item in present.values())
                return resting and (names is None or names == present.keys())

            await world.cluster.until(world.full(APP), kind, at_rest, _SETTLE_SECONDS + 10)


async def seen(world: World) -> Objects:
    """All objects of the application by `kind/name`, hooks and strangers among them, definitions and their objects
    too.
    """
    found: dict[str, object] = {}
    for kind in _KINDS:
        listed = await world.cluster.do("GET", world.cluster.path(world.full(APP), kind))
        found |= {name: _shape(world, item) for name, item in _own(world, kind, listed["items"])}
    group = f"w{world.number}.example.org"
    definition = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
    widget = f"/apis/{group}/v1/namespaces/{world.full(APP)}/widgets/widget"
    for name, path in (("definition", definition), ("widget", widget)):
        there = await world.cluster.find("", path)
        found[name] = _shape(world, there) if there else None
    return found


def _own(world: World, kind: str, items: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in items:
        metadata = item["metadata"]
        if "ownerReferences" not in metadata and metadata["name"] != "kube-root-ca.crt":
            yield alike(world, f"{kind}/{metadata['name']}"), item


def _shape(world: World, item: Mapping[str, Any]) -> object:
    """All of an object but for its status, and what each object has of its own."""
    content = {key: part for key, part in item.items() if key not in ("status", "metadata", "apiVersion", "kind")}
    metadata = {key: part for key, part in item["metadata"].items() if key not in _VOLATILE}
    return json.loads(alike(world, json.dumps(_without_uids({**content, "metadata": metadata}), sort_keys=True)))


def _without_uids(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _without_uids(item) for key, item in part.items() if key not in _BY_UID}
    return [_without_uids(item) for item in part] if isinstance(part, list) else part
