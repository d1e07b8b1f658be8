"""The final name of a hook: one with a `generateName` gets a new one at each sync, as in Argo CD."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from gitopsd.core.annotations import OPERATION, TRACKING_ID
from gitopsd.core.document import Document, canonical
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.core.manifest import DesiredHook, DesiredObject

# The name of a Job becomes a label of its pods, that of a Pod its host name: 63 characters, others have 253
# (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/).
_SHORT: Final = frozenset({"Pod", "Job"})
_SHORT_LENGTH: Final = 63
_LENGTH: Final = 253


def named(hook: DesiredHook, phase: SyncPhase, suffix: str, taken: Collection[ObjectKey] = ()) -> DesiredHook:
    """The hook with its name for one run: `<generateName><sha7>-<phase>-<unixtime>`, of which `suffix` has the commit
    and the time. The prefix is cut if the name would be too long, and a number is added if it is among `taken`. A hook
    with a name of its own stays as it is.
    """
    if not hook.generated:
        return hook
    prefix = hook.key.name
    revision, _, moment = suffix.rpartition("-")
    ending = "-".join(part for part in (revision, phase, moment) if part).lower()
    longest = _SHORT_LENGTH if hook.key.kind in _SHORT else _LENGTH
    key, number = _key(hook.key, prefix, ending, longest), 1
    while key in taken:
        number += 1
        key = _key(hook.key, prefix, f"{ending}-{number}", longest)
    return hook.named(_renamed(hook.object, key))


def for_operation(hook: DesiredHook, operation: str) -> DesiredHook:
    """The hook as the operation with this id makes it: the annotation `gitopsd.io/operation` names it, so that after a
    restart its object is told from that of an earlier run.
    """
    body = hook.object.document.body()
    metadata = mapping(body, "metadata")
    marked = {**metadata, "annotations": {**mapping(metadata, "annotations"), OPERATION: operation}}
    return replace(hook, object=_with_body(hook.object, {**body, "metadata": marked}))


def _key(key: ObjectKey, prefix: str, ending: str, longest: int) -> ObjectKey:
    return key._replace(name=f"{prefix[: longest - len(ending)]}{ending}")


def _renamed(target: DesiredObject, key: ObjectKey) -> DesiredObject:
    """`target` under the name of `key`; its tracking annotation, which ends in the name, says so too."""
    body = target.document.body()
    metadata = {**mapping(body, "metadata"), "name": key.name}
    annotations = mapping(metadata, "annotations")
    tracking = text(annotations, TRACKING_ID)
    if tracking:
        place = tracking[: tracking.rindex("/") + 1]
        metadata["annotations"] = {**annotations, TRACKING_ID: f"{place}{key.name}"}
    return _with_body(replace(target, key=key), {**body, "metadata": metadata})


def _with_body(target: DesiredObject, body: JsonObject) -> DesiredObject:
    document = Document(canonical(body), target.document.decode)
    return replace(target, document=document, digest=document.digest())
