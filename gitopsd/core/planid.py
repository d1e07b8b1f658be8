"""A name for what a plan would do to what: equal for plans that do the same to the same objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from gitopsd.core.annotations import OPERATION, TRACKING_ID
from gitopsd.core.compare import Comparison, Verdict, effects_of
from gitopsd.core.document import Document
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.core.manifest import DesiredHook
from gitopsd.core.normalize import content
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PruneStep, Stage, Step, Way

_BYTES: Final = 10


def plan_id(plan: Plan, comparison: Comparison, key: bytes = b"") -> str:
    """20 hex digits. `comparison` is what the plan was made of: an object that is changed counts with the fields that
    differ and their live values, one that is replaced or deleted as a whole; versions and statuses never do, nor what
    stands in the names of generated hooks. Ids that are made with different `key`s (at most 64 bytes) never agree; a
    secret one keeps those who see the id from trying which values of a Secret lead to it.
    """
    digest = hashlib.blake2b(key=key, digest_size=_BYTES)
    for line in _lines(plan, comparison):
        digest.update(json.dumps(line, sort_keys=True, separators=(",", ":"), default=dict).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _lines(plan: Plan, comparison: Comparison) -> Iterator[JsonValue]:
    for stage in plan.stages:
        yield from _stage(stage, comparison)
    for stage in plan.failing:
        yield from _stage(stage, comparison)
    for key, reason in sorted(plan.skipped.items()):
        yield ["stays", key, reason, key in plan.guarded]


def _stage(stage: Stage, comparison: Comparison) -> Iterator[JsonValue]:
    yield ["stage", stage.phase, stage.wave, sorted(stage.waits_for)]
    for prune in stage.prunes:
        yield _step(prune, comparison)
    for group in stage.groups:
        for step in group:
            yield _step(step, comparison)


def _step(step: Step, comparison: Comparison) -> JsonValue:
    if isinstance(step, PruneStep):
        live = step.live
        return ["prune", step.key, live.uid, step.propagation, step.confirm, _whole(live.document)]
    if isinstance(step, HookStep):
        return ["run", step.key[:3], _nameless(step.hook)]
    wanted = step.desired
    ways: list[JsonValue] = [step.way, step.replaces, step.force, step.validate]
    return ["write", step.key, wanted.gvk.version, wanted.digest, step.reason, ways, _found(step, comparison)]


def _found(step: ApplyStep, comparison: Comparison) -> JsonValue:
    """What the step finds in the cluster and does away with."""
    item = comparison.objects.get(step.key)
    if item is None or item.live is None:
        return list(step.changes)
    if step.way is not Way.APPLY or item.verdict is not Verdict.CHANGED:
        return [item.live.uid, _whole(item.live.document)]
    effects: list[JsonValue] = [[effect.path, list(effect.before)] for effect in effects_of(item, comparison.rules)]
    return [item.live.uid, effects]


def _whole(document: Document) -> JsonObject:
    return {name: value for name, value in content(document.body()).items() if name != "status"}


def _nameless(hook: DesiredHook) -> JsonObject:
    """A hook without what each sync makes anew of it: its generated name, and the annotations that say it."""
    body = hook.object.document.body()
    metadata = mapping(body, "metadata")
    generated = text(metadata, "generateName")
    if not generated:
        return body
    annotations = mapping(metadata, "annotations")
    kept = {name: item for name, item in annotations.items() if name not in (TRACKING_ID, OPERATION)}
    return {**body, "metadata": {**metadata, "name": generated, "annotations": kept}}
