"""Desired against live: what is in sync, what is not, and what only a dry-run can tell (design decision 4)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gitopsd.core.document import Document
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.ownership import identical, unchanged

_SHOWN_CHANGES = 20
_BOOKKEEPING = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})


class Verdict(enum.StrEnum):
    """What one object needs."""

    SYNCED = "synced"
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class ObjectComparison:
    """One object: what is wanted, what is there, and the verdict.

    `changes` are the paths that an apply would change (`spec.replicas`), never values. `error` is why the API server
    refused the dry-run. `predicted` is what an apply would make of the object, where it is CHANGED. `judged` are the
    digest and resourceVersion that the verdict stands for.
    """

    key: ObjectKey
    desired: DesiredObject | None
    live: LiveObject | None
    verdict: Verdict
    changes: tuple[str, ...] = ()
    error: str = ""
    predicted: Document | None = None

    def judged(self) -> tuple[str, str]:
        """(desired digest, live resourceVersion), each "" where there is none."""
        return (self.desired.digest if self.desired else "", self.live.resource_version if self.live else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """All objects of one application: the wanted ones in the order of the manifests, then those that left git."""

    objects: Mapping[ObjectKey, ObjectComparison]
    digest: str = ""

    def having(self, *verdicts: Verdict) -> tuple[ObjectComparison, ...]:
        """The objects with one of `verdicts`."""
        return tuple(item for item in self.objects.values() if item.verdict in verdicts)

    @property
    def undecided(self) -> tuple[ObjectComparison, ...]:
        """The objects that a dry-run has to judge."""
        return self.having(Verdict.UNDECIDED)

    @property
    def synced(self) -> bool:
        """Whether nothing differs and nothing is left over."""
        return all(item.verdict is Verdict.SYNCED for item in self.objects.values())


NOTHING_COMPARED = Comparison({})


def compare(
    desired: Desired,
    live: Live,
    predictions: Mapping[ObjectKey, Prediction] | None = None,
    previous: Comparison = NOTHING_COMPARED,
) -> Comparison:
    """Compare without a single request: what ownership cannot decide and no prediction covers is UNDECIDED.

    `previous` is this application's last comparison: a verdict for the same desired digest and live resourceVersion
    stands. Predictions for another pair than the present one are not looked at.
    """
    found: dict[ObjectKey, ObjectComparison] = {}
    for wanted in desired.objects:
        there = live.objects.get(wanted.key)
        found[wanted.key] = _one(wanted, there, (predictions or {}).get(wanted.key), previous.objects.get(wanted.key))
    for key, there in live.objects.items():
        if key not in found and there.owner and not there.copied:
            found[key] = ObjectComparison(key, None, there, Verdict.EXTRA)
    return Comparison(found, desired.digest)


def compare_namespace(wanted: DesiredObject, there: LiveObject | None) -> ObjectComparison:
    """Whether the namespace that `CreateNamespace=true` asks for has to be made, or given its managedNamespaceMetadata.

    One that exists is left alone where no metadata is asked for, and where an application has it among its manifests.
    """
    body = wanted.document.body()
    if there is None:
        verdict = Verdict.MISSING
    elif there.owner or len(mapping(body, "metadata")) == 1 or unchanged(body, there.document.body()):
        verdict = Verdict.SYNCED
    else:
        verdict = Verdict.CHANGED
    return ObjectComparison(wanted.key, wanted, there, verdict)


def _one(
    wanted: DesiredObject, there: LiveObject | None, prediction: Prediction | None, before: ObjectComparison | None
) -> ObjectComparison:
    pair = (wanted.digest, there.resource_version if there else "")
    if before is not None and before.verdict is not Verdict.UNDECIDED and before.judged() == pair:
        return replace(before, desired=wanted, live=there)
    if there is None:
        return ObjectComparison(wanted.key, wanted, None, Verdict.MISSING)
    if prediction is not None and (prediction.desired_digest, prediction.resource_version) == pair:
        return _judged(wanted, there, prediction)
    if unchanged(wanted.document.body(), there.document.body()):
        return ObjectComparison(wanted.key, wanted, there, Verdict.SYNCED)
    return ObjectComparison(wanted.key, wanted, there, Verdict.UNDECIDED)


def _judged(wanted: DesiredObject, there: LiveObject, prediction: Prediction) -> ObjectComparison:
    if prediction.document is None:
        return ObjectComparison(wanted.key, wanted, there, Verdict.REFUSED, error=prediction.error)
    current = (prediction.current or there.document).body()
    changes = tuple(_changes(_content(current), _content(prediction.document.body())))
    if not changes:
        return ObjectComparison(wanted.key, wanted, there, Verdict.SYNCED)
    shown = changes[:_SHOWN_CHANGES]
    return ObjectComparison(wanted.key, wanted, there, Verdict.CHANGED, shown, predicted=prediction.document)


def _content(body: JsonObject) -> JsonObject:
    """The object without what every write changes, and without its status, which an apply does not reach."""
    metadata = body.get("metadata")
    kept = (
        {key: item for key, item in metadata.items() if key not in _BOOKKEEPING}
        if isinstance(metadata, Mapping)
        else {}
    )
    return {**{key: item for key, item in body.items() if key != "status"}, "metadata": kept}


def _changes(before: JsonValue, after: JsonValue, path: str = "") -> Iterator[str]:
    """The paths at which two objects differ, outermost first."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            place = f"{path}.{key}" if path else key
            if key not in before or key not in after:
                yield place
            else:
                yield from _changes(before[key], after[key], place)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (first, second) in enumerate(zip(before, after, strict=True)):
            yield from _changes(first, second, f"{path}[{position}]")
    elif not identical(before, after):
        yield path
