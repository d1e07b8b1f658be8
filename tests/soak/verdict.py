"""Whether the cluster has exactly what git says, and strangers have what they had."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from gitopsd.core.annotations import TRACKING_ID, parse_tracking_id
from tests.e2e.world import World
from tests.soak.model import App, Thing

_KINDS: Final = ("configmaps", "secrets", "deployments")
_HOOK: Final = "argocd.argoproj.io/hook"


async def differences(world: World, apps: Sequence[App], strangers: Mapping[tuple[str, str], str]) -> list[str]:
    """A sentence for each object that is not as git has it, is not there, or should not be; and for each of `strangers`
    ((namespace, path) → resourceVersion) that anybody else wrote to.
    """
    live = {key: item async for key, item in _live(world, sorted({app.namespace for app in apps}))}
    wanted = {(app.namespace, thing.path): thing for app in apps for thing in app.things.values()}
    found = [f"{key} is not there" for key in wanted.keys() - live.keys()]
    found += [f"{key} is {seen}, and {told} in git" for key, seen, told in _changed(wanted, live)]
    found += [f"{key} left git and is there" for key in live.keys() - wanted.keys() if _is_tracked(live[key])]
    for (namespace, path), version in strangers.items():
        there = await world.cluster.find(world.full(namespace), path)
        if there is None or there["metadata"]["resourceVersion"] != version:
            found.append(f"the stranger {namespace}/{path} was {'changed' if there else 'deleted'}")
    return sorted(found)


async def _live(world: World, namespaces: Sequence[str]) -> AsyncIterator[tuple[tuple[str, str], dict[str, Any]]]:
    for namespace in namespaces:
        for kind in _KINDS:
            listed = await world.cluster.do("GET", world.cluster.path(world.full(namespace), kind))
            for item in listed["items"]:
                yield (namespace, f"{kind}/{item['metadata']['name']}"), item


def _changed(
    wanted: Mapping[tuple[str, str], Thing], live: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[tuple[tuple[str, str], object, object]]:
    pairs = [(key, content(live[key]), _told(thing)) for key, thing in wanted.items() if key in live]
    return [(key, seen, told) for key, seen, told in pairs if seen != told]


def content(item: Mapping[str, Any]) -> object:
    """What the model tells of an object."""
    if "spec" in item:
        return item["spec"]["replicas"]
    value = item.get("data", {}).get("key", "")
    return base64.b64decode(value).decode() if "type" in item else value


def _told(thing: Thing) -> object:
    return 1 + thing.value % 2 if thing.kind == "deployments" else str(thing.value)


def _is_tracked(item: Mapping[str, Any]) -> bool:
    annotations = item["metadata"].get("annotations", {})
    tracking = parse_tracking_id(annotations.get(TRACKING_ID, ""))
    return tracking is not None and _HOOK not in annotations
