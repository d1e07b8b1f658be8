"""All objects and hooks of one application as one byte string, and back."""

from __future__ import annotations

from typing import Final

from gitopsd.core.hook import DeletePolicy, SyncPhase
from gitopsd.core.ids import NOWHERE, GroupKind, ObjectKey, Position
from gitopsd.core.jsonvalue import JsonValue, sequence, string_map, text
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject
from gitopsd.store.jsontext import gvk, listed, number, string, texts, whole
from gitopsd.store.packing import Packing, Unpacking

_OBJECT_COLUMNS: Final = 8
_HOOK_COLUMNS: Final = 5


def pack_desired(wanted: Desired) -> bytes:
    """Objects, hooks, `defines` and digest; equal bytes for equal ones. What was only said of them is left out."""
    packing = Packing()
    return packing.bytes(
        {
            "digest": wanted.digest,
            "defines": sorted([list(kind) for kind in wanted.defines]),
            "objects": [object_row(packing, item) for item in wanted.objects],
            "hooks": [hook_row(packing, item) for item in wanted.hooks],
        }
    )


def unpack_desired(content: bytes) -> Desired:
    """What was packed. Raises ValueError for anything else."""
    unpacking = Unpacking(content)
    body = unpacking.description
    return Desired(
        objects=tuple(read_object(unpacking, row) for row in sequence(body, "objects")),
        digest=text(body, "digest"),
        hooks=tuple(read_hook(unpacking, row) for row in sequence(body, "hooks")),
        defines=frozenset(GroupKind(*texts(row, "defines", 2)) for row in sequence(body, "defines")),
    )


def object_row(packing: Packing, item: DesiredObject) -> list[object]:
    """One object; its document goes into `packing`."""
    origin = item.origin
    return [
        [*item.gvk],
        [item.key.namespace, item.key.name],
        item.digest,
        item.wave,
        dict(item.options),
        [origin.file, origin.line, origin.column] if origin != NOWHERE else 0,
        sorted(item.adopts),
        packing.add(item.document),
    ]


def read_object(unpacking: Unpacking, row: JsonValue) -> DesiredObject:
    """The object that the row describes."""
    kind, place, digest, wave, options, origin, adopts, document = listed(row, _OBJECT_COLUMNS)
    version = gvk(kind)
    namespace, name = texts(place, "object", 2)
    return DesiredObject(
        key=ObjectKey(version.group, version.kind, namespace, name),
        gvk=version,
        document=unpacking.take(document),
        digest=string(digest),
        wave=whole(wave),
        options=string_map(options),
        origin=_read_position(origin),
        adopts=frozenset(item for item in sequence(adopts) if isinstance(item, str)),
    )


def hook_row(packing: Packing, item: DesiredHook) -> list[object]:
    """One hook."""
    phases = [phase.value for phase in item.phases]
    policies = sorted(policy.value for policy in item.policies)
    return [object_row(packing, item.object), phases, policies, item.generated, item.timeout]


def read_hook(unpacking: Unpacking, row: JsonValue) -> DesiredHook:
    """The hook that the row describes."""
    target, phases, policies, generated, timeout = listed(row, _HOOK_COLUMNS)
    return DesiredHook(
        object=read_object(unpacking, target),
        phases=tuple(SyncPhase(string(item)) for item in sequence(phases)),
        policies=frozenset(DeletePolicy(string(item)) for item in sequence(policies)),
        generated=generated is True,
        timeout=number(timeout),
    )


def _read_position(row: JsonValue) -> Position:
    if row == 0:
        return NOWHERE
    file, line, column = listed(row, 3)
    return Position(string(file), whole(line), whole(column))
