"""A scenario on a real API server: an application in a namespace of its own, whose pods fare as its fates have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gitopsd.core.annotations import HOOK_TIMEOUT, OPERATION, TRACKING_ID
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.syncrequest import SyncRequest
from tests.e2e.cluster import Cluster, Object
from tests.model.driver import called
from tests.model.expected import DELETE, PARKED, PUT, Expected, Written, expected
from tests.model.scenario import (
    Before,
    Extra,
    Fate,
    Hook,
    Scenario,
    Thing,
    extra_body,
    hook_body,
    scenarios,
    thing_body,
)

HOOK_SECONDS: Final = 4
PLURALS: Final = {"ConfigMap": "configmaps", "Deployment": "deployments", "Job": "jobs"}
_GROUPS: Final = {"ConfigMap": "", "Deployment": "apps", "Job": "batch"}
_VERBS: Final = {"create": PUT, "patch": PUT, "update": PUT, "delete": DELETE}
_TELLING: Final = "kubelet.gitopsd.io/"
_NAMESPACE: Final = re.compile(r"/namespaces/([^/?]+)/")


def some(number: int) -> list[Scenario]:
    """So many scenarios that come to an end, always the same ones."""
    found: list[Scenario] = []

    @settings(max_examples=20 * number, derandomize=True, phases=(Phase.generate,), database=None)
    @given(real_scenarios())
    def collect(scenario: Scenario) -> None:
        if expected(scenario).phase != PARKED and len(scenario.things) + len(scenario.hooks) > 3:
            found.append(scenario)

    collect()
    step = max(1, len(found) // number)
    return found[::step][:number]


def real_scenarios() -> st.SearchStrategy[Scenario]:
    """Scenarios that need nobody to play a part: what the API server refuses is wrong in itself."""
    return scenarios().map(_possible)


def _possible(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        things=tuple(map(_possible_thing, scenario.things)),
        hooks=tuple(map(_possible_hook, scenario.hooks)),
        confirmed=scenario.confirmed or any(item.prune == "confirm" for item in scenario.extras),
    )


def _possible_thing(thing: Thing) -> Thing:
    same = thing.before is Before.SAME
    refused = thing.refused and thing.kind == "ConfigMap" and not same
    return replace(thing, refused=refused, fate=Fate.GOOD if same else thing.fate)


def _possible_hook(hook: Hook) -> Hook:
    fate = Fate.GOOD if hook.fate in (Fate.GOES_AFTER, Fate.GOES_BEFORE) else hook.fate
    return replace(hook, fate=fate, refused=hook.refused and hook.kind == "ConfigMap")


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario under a name: that of its application, in the namespace `namespace` of the API server."""

    name: str
    namespace: str
    scenario: Scenario

    @property
    def request(self) -> SyncRequest:
        """What is asked for."""
        options = {"PruneLast": "true"} if self.scenario.prune_last else {}
        return SyncRequest("somebody", prune=self.scenario.prune, confirmed=self.scenario.confirmed, options=options)

    def earlier(self) -> dict[str, str | None]:
        """The files of what git had before."""
        there = [item for item in self.scenario.things if item.before is not Before.ABSENT]
        files = {item.name: _thing(item, earlier=True) for item in there}
        files |= {item.name: _extra(item) for item in self.scenario.extras}
        return {f"{self.name}/{name}.yaml": _written(body) for name, body in files.items()} or {
            f"{self.name}/none.txt": "nothing yet\n"
        }

    def files(self) -> dict[str, str | None]:
        """The files of what it has now; None is one that it has no more."""
        gone: dict[str, str | None] = dict.fromkeys(f"{self.name}/{item.name}.yaml" for item in self.scenario.extras)
        files = {item.name: _thing(item) for item in self.scenario.things}
        files |= {item.name: _hook(item) for item in self.scenario.hooks}
        return {**gone, **{f"{self.name}/{name}.yaml": _written(body) for name, body in files.items()}}

    async def plant(self, cluster: Cluster) -> None:
        """What hooks of an earlier sync left behind."""
        for hook in self.scenario.hooks:
            if hook.left:
                body = dict(_hook(replace(hook, fate=Fate.GOOD, refused=False)))
                metadata: Any = body["metadata"]
                tracking = f"{self.namespace}:{_GROUPS[hook.kind]}/{hook.kind}:{self.namespace}/{hook.name}"
                marks = {**metadata["annotations"], OPERATION: "earlier/PreSync", TRACKING_ID: tracking}
                body["metadata"] = {**metadata, "annotations": marks}
                await cluster.create(self.namespace, PLURALS[hook.kind], body)

    def written(self, audit: list[Object]) -> list[tuple[str, str]]:
        """What was written in its namespace, in the order in which it was done, in the model's words."""
        found: list[tuple[str, str]] = []
        for entry in audit:
            reference = entry.get("objectRef", {})
            place = _NAMESPACE.search(entry["requestURI"])
            mine = place is not None and place[1] == self.namespace and reference.get("resource") in PLURALS.values()
            done = entry.get("responseStatus", {}).get("code", 0) < 300 and "dryRun" not in entry["requestURI"]
            if mine and done and entry["verb"] in _VERBS and not reference.get("subresource"):
                found.append((_VERBS[entry["verb"]], called(reference["name"])))
        return found

    def expected(self) -> Expected:
        """What the model says; objects that are pruned go at once, in no order of their kinds."""
        found = expected(self.scenario)
        found.writes = [_side_by_side(item) for item in found.writes]
        return found


def _side_by_side(written: Written) -> Written:
    return replace(written, rank=written.rank._replace(kind=0)) if written.verb == DELETE else written


def _thing(thing: Thing, *, earlier: bool = False) -> JsonObject:
    fate = Fate.GOOD if earlier else thing.fate
    refused = thing.refused and not earlier
    return _faring(thing_body(thing, earlier=earlier), thing.kind, fate, refused=refused)


def _extra(extra: Extra) -> JsonObject:
    return _faring(extra_body(extra), extra.kind, Fate.GOOD)


def _hook(hook: Hook) -> JsonObject:
    body = _faring(hook_body(hook), hook.kind, hook.fate, refused=hook.refused)
    metadata: Any = body["metadata"]
    if not hook.limited or hook.fate is not Fate.NEVER:
        return body  # however busy the machine is, what ends by itself has the time for it
    marks = {**metadata["annotations"], HOOK_TIMEOUT: f"{HOOK_SECONDS}s"}
    return {**body, "metadata": {**metadata, "annotations": marks}}


def _faring(body: JsonObject, kind: str, fate: Fate, *, refused: bool = False) -> JsonObject:
    """The manifest of something whose pods fare like this, or that the API server finds wrong."""
    if kind == "ConfigMap":
        return {**body, "data": {"key": 7}} if refused else body
    spec: Any = body["spec"]
    told = {Fate.NEVER: {"behaviour": "hang"}}.get(fate, {})
    if fate is Fate.BAD:
        told = {"exit-code": "1"} if kind == "Job" else {"behaviour": "hang"}
    template = spec["template"]
    metadata = {**template.get("metadata", {}), "annotations": {f"{_TELLING}{key}": item for key, item in told.items()}}
    deadline = {"progressDeadlineSeconds": 1} if kind == "Deployment" and fate is Fate.BAD else {}
    return {**body, "spec": {**spec, **deadline, "template": {**template, "metadata": metadata}}}


def _written(body: Mapping[str, Any]) -> str:
    return yaml.safe_dump(body, sort_keys=False)
