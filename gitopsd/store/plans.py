"""A plan as one byte string, and back: its steps refer to the manifests that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonValue, integer, objects, sequence, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanReason, PruneStep, Stage, Way
from gitopsd.store.jsontext import gvk, listed, object_key, string, texts
from gitopsd.store.manifests import hook_row, object_row, read_hook, read_object
from gitopsd.store.packing import Packing, Unpacking

_APPLY_COLUMNS: Final = 8
_PLAIN_COLUMNS: Final = 3
_PLAIN: Final = (Way.APPLY, "", "", False, True)
_HOOK_COLUMNS: Final = 2
_PRUNE_COLUMNS: Final = 3
_LIVE_COLUMNS: Final = 12


def pack_plan(plan: Plan, wanted: Desired) -> bytes:
    """`plan`, of which only what is not in `wanted` is written out."""
    writer = _Writer(wanted)
    return writer.packing.bytes(
        {
            "digest": plan.digest,
            "stages": [writer.stage(item) for item in plan.stages],
            "failing": [writer.stage(item) for item in plan.failing],
            "skipped": [[*key, reason] for key, reason in plan.skipped.items()],
            "guarded": sorted(list(key) for key in plan.guarded),
        }
    )


def unpack_plan(content: bytes, wanted: Desired) -> Plan:
    """The plan that was packed with the same `wanted`. Raises ValueError for anything else."""
    reader = _Reader(Unpacking(content), wanted)
    body = reader.unpacking.description
    return Plan(
        digest=text(body, "digest"),
        stages=tuple(reader.stage(item) for item in objects(body, "stages")),
        skipped=dict(_read_skipped(row) for row in sequence(body, "skipped")),
        guarded=frozenset(object_key(row) for row in sequence(body, "guarded")),
        failing=tuple(reader.stage(item) for item in objects(body, "failing")),
    )


def _read_skipped(row: JsonValue) -> tuple[ObjectKey, str]:
    group, kind, namespace, name, reason = texts(row, "skipped", 5)
    return ObjectKey(group, kind, namespace, name), reason


class _Writer:
    def __init__(self, wanted: Desired) -> None:
        self.packing = Packing()
        self._wanted = wanted
        self._objects = {item.key: number for number, item in enumerate(wanted.objects)}
        self._hooks = {item.key: number for number, item in enumerate(wanted.hooks)}

    def stage(self, stage: Stage) -> Mapping[str, object]:
        return {
            "wave": stage.wave,
            "phase": stage.phase.value,
            "prunes": [[self._live(step.live), step.propagation, step.confirm] for step in stage.prunes],
            "groups": [[self._step(step) for step in group] for group in stage.groups],
            "waitsFor": [[*key] for key in stage.waits_for],
        }

    def _step(self, step: ApplyStep | HookStep) -> list[object]:
        """What most steps have is left out: with thousands of objects the plan's size is theirs."""
        if isinstance(step, HookStep):
            return [self._hook(step.hook), step.phase.value]
        row = [self._object(step.desired), step.reason.value, step.changes]
        rest = (step.way, step.replaces, step.why_anew, step.force, step.validate)
        return row if rest == _PLAIN else [*row, *rest]

    def _object(self, item: DesiredObject) -> object:
        number = self._objects.get(item.key, -1)
        return number if number >= 0 and self._wanted.objects[number] == item else object_row(self.packing, item)

    def _hook(self, item: DesiredHook) -> object:
        number = self._hooks.get(item.key, -1)
        return number if number >= 0 and self._wanted.hooks[number] == item else hook_row(self.packing, item)

    def _live(self, live: LiveObject) -> list[object]:
        return [
            [*live.gvk],
            [live.key.namespace, live.key.name],
            live.uid,
            live.resource_version,
            live.owner,
            live.copied,
            live.owner_uids,
            live.deleting,
            live.foreign,
            live.inferred,
            live.aliases,
            self.packing.add(live.document),
        ]


class _Reader:
    def __init__(self, unpacking: Unpacking, wanted: Desired) -> None:
        self.unpacking = unpacking
        self._wanted = wanted

    def stage(self, body: JsonValue) -> Stage:
        return Stage(
            wave=integer(body, "wave"),
            prunes=tuple(self._prune(row) for row in sequence(body, "prunes")),
            groups=tuple(tuple(self._step(row) for row in sequence(group)) for group in sequence(body, "groups")),
            waits_for=tuple(object_key(row) for row in sequence(body, "waitsFor")),
            phase=SyncPhase(text(body, "phase")),
        )

    def _step(self, row: JsonValue) -> ApplyStep | HookStep:
        if len(sequence(row)) == _HOOK_COLUMNS:
            hook, phase = listed(row, _HOOK_COLUMNS)
            found = self._wanted.hooks[hook] if isinstance(hook, int) else read_hook(self.unpacking, hook)
            return HookStep(found, SyncPhase(string(phase)))
        cells = sequence(row) if len(sequence(row)) == _APPLY_COLUMNS else [*listed(row, _PLAIN_COLUMNS), *_PLAIN]
        target, reason, changes, way, replaces, why_anew, force, validate = cells
        return ApplyStep(
            self._wanted.objects[target] if isinstance(target, int) else read_object(self.unpacking, target),
            PlanReason(string(reason)),
            _texts(changes),
            Way(string(way)),
            string(replaces),
            string(why_anew),
            force is True,
            validate is True,
        )

    def _prune(self, row: JsonValue) -> PruneStep:
        live, propagation, confirm = listed(row, _PRUNE_COLUMNS)
        return PruneStep(self._live(live), string(propagation), confirm is True)

    def _live(self, row: JsonValue) -> LiveObject:
        cells = listed(row, _LIVE_COLUMNS)
        version = gvk(cells[0])
        namespace, name = texts(cells[1], "live", 2)
        uid, resource_version, owner = texts(cells[2:5], "live", 3)
        return LiveObject(
            key=ObjectKey(version.group, version.kind, namespace, name),
            gvk=version,
            uid=uid,
            resource_version=resource_version,
            document=self.unpacking.take(cells[11], orjson.loads),
            owner=owner,
            copied=cells[5] is True,
            owner_uids=_texts(cells[6]),
            deleting=cells[7] is True,
            foreign=string(cells[8]),
            inferred=_texts(cells[9]),
            aliases=_texts(cells[10]),
        )


def _texts(row: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in sequence(row) if isinstance(item, str))
