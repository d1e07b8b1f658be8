"""Desired against live: what is in sync, what is not, and what only a dry-run can tell (design decision 4)."""

from __future__ import annotations

import enum
import itertools
import operator
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gitopsd.core import annotations as marks
from gitopsd.core.adoption import leftovers
from gitopsd.core.document import Document, canonical
from gitopsd.core.effect import Effect, differences, effects
from gitopsd.core.fieldpath import Found, path_of, values_at
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, string_map, text
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import NO_RULES, CompareRules, ObjectRules, content
from gitopsd.core.ownership import FIELD_MANAGER, applied_fields, unchanged
from gitopsd.core.respect import respecting

_SHOWN_CHANGES: Final = 20
_NOTHING: Final[tuple[Found, ...]] = ()
Shown = Callable[[Sequence[JsonObject]], Sequence[JsonObject]]


class Verdict(enum.StrEnum):
    """What one object needs."""

    SYNCED = "synced"
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


_PASSING: Final = frozenset({Verdict.UNDECIDED, Verdict.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Expressed:
    """The fields that the jq expressions of an object's rules found in each of its bodies."""

    desired: tuple[Found, ...] = _NOTHING
    live: tuple[Found, ...] = _NOTHING
    predicted: tuple[Found, ...] = _NOTHING


NOTHING_EXPRESSED: Final = Expressed()


@dataclass(frozen=True, slots=True)
class ObjectComparison:
    """One object: what is wanted, what is there, and the verdict.

    `changes` are the paths that an apply would change (`spec.replicas`), never values. `error` is why the API server
    refused the dry-run, or why nothing is known of the kind. `predicted` is what an apply would make of the object,
    where it is CHANGED, `current` the object as the dry-run found it, where that is not `live`, and `expressed` what jq
    expressions found in both. `judged` are the digest and resourceVersion that the verdict stands for; it also stands
    for any other live object of which `counted` (the digest of all that counts; "" if nobody had to ask) is the same.
    `tolerated`: an EXTRA object that leaves its application in sync (`IgnoreExtraneous`).
    """

    key: ObjectKey
    desired: DesiredObject | None
    live: LiveObject | None
    verdict: Verdict
    changes: tuple[str, ...] = ()
    error: str = ""
    predicted: Document | None = None
    counted: str = ""
    tolerated: bool = False
    current: Document | None = None
    expressed: Expressed = NOTHING_EXPRESSED

    def judged(self) -> tuple[str, str]:
        """(desired digest, live resourceVersion), each "" where there is none."""
        return (self.desired.digest if self.desired else "", self.live.resource_version if self.live else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """All objects of one application: the wanted ones in the order of the manifests, then those that left git.

    `hooks` are live objects that hooks made: tracked, but never left over, whatever git has now (as in Argo CD).
    `wanted` and `rules` are what it was made of.
    """

    objects: Mapping[ObjectKey, ObjectComparison]
    digest: str = ""
    wanted: Desired | None = field(default=None, compare=False, repr=False)
    rules: CompareRules = field(default=NO_RULES, compare=False, repr=False)
    hooks: Mapping[ObjectKey, LiveObject] = field(default_factory=dict)
    _verdicts: frozenset[Verdict] = field(init=False, compare=False, repr=False)
    _live: Sequence[LiveObject | None] = field(init=False, compare=False, repr=False)
    _count: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = [item.live for item in self.objects.values()]
        verdicts = frozenset([item.verdict for item in self.objects.values() if not item.tolerated])
        object.__setattr__(self, "_verdicts", verdicts)
        object.__setattr__(self, "_live", found)
        object.__setattr__(self, "_count", len(found) - found.count(None) + len(self.hooks))

    def having(self, *verdicts: Verdict) -> tuple[ObjectComparison, ...]:
        """The objects with one of `verdicts`."""
        if Verdict.EXTRA not in verdicts and self._verdicts.isdisjoint(verdicts):
            return ()
        return tuple(item for item in self.objects.values() if item.verdict in verdicts)

    @property
    def undecided(self) -> tuple[ObjectComparison, ...]:
        """The objects that a dry-run has to judge."""
        return self.having(Verdict.UNDECIDED)

    @property
    def synced(self) -> bool:
        """Whether nothing differs and nothing is left over."""
        return self._verdicts <= {Verdict.SYNCED}

    def holds_for(self, desired: Desired, live: Live, rules: CompareRules) -> bool:
        """Whether all verdicts stand because nothing is new; quick, whatever the number of objects."""
        return (
            self.wanted is desired
            and self.rules is rules
            and self._verdicts.isdisjoint(_PASSING)
            and not (live.unreadable and any(map(live.unreadable.why, self.objects)))
            and self._count == len(live.objects)
            and all(map(operator.is_, map(live.objects.get, self.objects), self._live))
            and all(live.objects.get(key) is there for key, there in self.hooks.items())
        )

    def with_verdicts(self, judged: Iterable[ObjectComparison]) -> Comparison:
        """The same with these objects' comparisons in place of those that it has."""
        news = {item.key: item for item in judged}
        return replace(self, objects={**self.objects, **news}) if news else self


NOTHING_COMPARED: Final = Comparison({})


def compare(
    desired: Desired,
    live: Live,
    predictions: Mapping[ObjectKey, Prediction] | None = None,
    previous: Comparison = NOTHING_COMPARED,
    rules: CompareRules = NO_RULES,
) -> Comparison:
    """Compare without a single request: what ownership cannot decide and no prediction covers is UNDECIDED.

    `previous` is this application's last comparison: a verdict for the same desired digest and live object stands, as
    long as `rules` are the same. Predictions for another pair than the present one are not looked at.
    """
    comparison = _finished(comparing(desired, live, previous, rules))
    known = predictions or {}
    return comparison.with_verdicts(
        judged(item, known[item.key], rules) for item in comparison.undecided if item.key in known
    )


def comparing(
    desired: Desired, live: Live, previous: Comparison = NOTHING_COMPARED, rules: CompareRules = NO_RULES
) -> Generator[None, None, Comparison]:
    """`compare` in small steps, for those who have other things to do in between: yields after each object that had to
    be parsed.
    """
    if previous.holds_for(desired, live, rules):
        return previous
    before = previous.objects if previous.rules == rules else {}
    found: dict[ObjectKey, ObjectComparison] = {}
    for wanted in desired.objects:
        there = live.objects.get(wanted.key)
        known = before.get(wanted.key)
        if known is not None and known.verdict not in _PASSING and known.desired is wanted and known.live is there:
            found[wanted.key] = known
        elif reason := live.unreadable.why(wanted.key):
            found[wanted.key] = ObjectComparison(wanted.key, wanted, there, Verdict.UNKNOWN, error=reason)
        else:
            found[wanted.key] = _one(wanted, there, known, rules)
            yield
    hooks: dict[ObjectKey, LiveObject] = {}
    for key, there in live.objects.items():
        if key not in found and there.owner and not there.copied:
            known = before.get(key)
            judged_before = known is not None and known.live is there and known.desired is None
            if previous.hooks.get(key) is there or (not judged_before and _is_hook(there)):
                hooks[key] = there
                continue
            if live.unreadable.why(key):
                continue  # it may be gone by now: `appstatus.out_of_sight` remembers it
            if known is None or known.live is not there or known.desired is not None or known.verdict in _PASSING:
                known = ObjectComparison(key, None, there, Verdict.EXTRA, tolerated=_tolerated(there))
                yield
            found[key] = known
    return Comparison(found, desired.digest, desired, rules, hooks)


def compare_namespace(wanted: DesiredObject, there: LiveObject | None) -> ObjectComparison:
    """Whether the namespace that `CreateNamespace=true` asks for has to be made, or given its managedNamespaceMetadata.

    One that exists is left alone where no metadata is asked for, and where an application has it among its manifests.
    """
    if there is None:
        return ObjectComparison(wanted.key, wanted, there, Verdict.MISSING)
    body, live = wanted.document.body(), there.document.body()
    if there.owner or len(mapping(body, "metadata")) == 1 or unchanged(body, live):
        return ObjectComparison(wanted.key, wanted, there, Verdict.SYNCED)
    predicted = Document(canonical(_with_metadata(live, body)))
    item = ObjectComparison(wanted.key, wanted, there, Verdict.CHANGED, predicted=predicted)
    changes = itertools.islice(effects_of(item, NO_RULES), _SHOWN_CHANGES)
    return replace(item, changes=tuple(effect.path for effect in changes))


def _with_metadata(namespace: JsonObject, wanted: JsonObject) -> JsonObject:
    """The namespace as an apply of the labels and annotations that are `wanted` leaves it. Without `managedFields`, so
    that all that is another than before counts.
    """
    owned = applied_fields(namespace, text(wanted, "apiVersion")) or {}
    metadata = dict(mapping(namespace, "metadata"))
    metadata.pop("managedFields", None)
    for part in ("labels", "annotations"):
        dropped = [name[2:] for name in mapping(owned, "f:metadata", f"f:{part}")]
        kept = {name: item for name, item in mapping(metadata, part).items() if name not in dropped}
        if left := {**kept, **mapping(wanted, "metadata", part)}:
            metadata[part] = left
        else:
            metadata.pop(part, None)
    return {**namespace, "metadata": metadata}


def reconsidered(item: ObjectComparison, rules: CompareRules, expressed: Expressed) -> ObjectComparison:
    """An UNDECIDED object again, now that the fields of its jq expressions are known."""
    if item.desired is None or item.live is None:
        return item
    wanted, there = item.desired.document.body(), item.live.document.body()
    if rules.object(item.key).proves_unchanged(wanted, there, expressed.desired, expressed.live):
        return replace(item, verdict=Verdict.SYNCED)
    return item


def rehearsal(item: ObjectComparison, rules: CompareRules, expressed: Expressed = NOTHING_EXPRESSED) -> DesiredObject:
    """What to ask a dry-run of: the desired object, with the ignored fields as they are (they may be such that the API
    server refuses to change them).
    """
    if item.desired is None:
        raise ValueError(f"{item.key} is not wanted")
    if item.live is None:
        return item.desired
    return respected(item.desired, item.live, rules, expressed)


def respected(
    desired: DesiredObject, live: LiveObject, rules: CompareRules, expressed: Expressed = NOTHING_EXPRESSED
) -> DesiredObject:
    """The desired object with all ignored fields as the live object has them; its digest stays that of what git has."""
    fitting = rules.object(desired.key)
    if not (fitting.ignores or expressed.desired or expressed.live):
        return desired
    document = respecting(desired.document.body(), live.document.body(), fitting, expressed.live, expressed.desired)
    return replace(desired, document=document)


def judged(
    item: ObjectComparison, prediction: Prediction, rules: CompareRules, expressed: Expressed = NOTHING_EXPRESSED
) -> ObjectComparison:
    """An UNDECIDED object after its dry-run; itself where the dry-run was of something else."""
    if item.live is None or (prediction.desired_digest, prediction.resource_version) != item.judged():
        return item
    if prediction.document is None:
        return replace(item, verdict=Verdict.REFUSED, error=prediction.error)
    changed = replace(
        item,
        verdict=Verdict.CHANGED,
        predicted=prediction.document,
        current=prediction.current,
        expressed=expressed,
    )
    changes = tuple(effect.path for effect in itertools.islice(effects_of(changed, rules), _SHOWN_CHANGES))
    return replace(changed, changes=changes) if changes else replace(item, verdict=Verdict.SYNCED)


def effects_of(item: ObjectComparison, rules: CompareRules, shown: Shown = list) -> Iterator[Effect]:
    """The fields that an apply changes of a CHANGED object; what it removes because others applied it comes last.

    `shown` gets the object as it is and as it would be, and gives both as they may be shown.
    """
    if item.live is None or item.predicted is None:
        return
    found = (item.current or item.live.document).body()
    current, predicted = shown([found, item.predicted.body()])
    mutations = rules.mutations or _asks(item, "IncludeMutationWebhook")
    yield from _effects(current, predicted, rules.object(item.key), item.expressed, mutations=mutations)
    adopts = item.desired.adopts if item.desired is not None else frozenset()
    if item.desired is not None and adopts:
        ignored = {*rules.object(item.key).ignored(found, found), *item.expressed.live}
        for field in leftovers(item.desired.document.body(), found, adopts):
            if not any(field[: len(other)] == other for other in ignored):
                yield Effect(path_of(current, field), values_at(current, field), ())


def _finished(steps: Generator[None, None, Comparison]) -> Comparison:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Comparison = end.value
            return done


def _one(
    wanted: DesiredObject, there: LiveObject | None, before: ObjectComparison | None, rules: CompareRules
) -> ObjectComparison:
    if before is not None and (before.verdict in _PASSING or before.desired is None):
        before = None
    if before is not None and before.judged() == (wanted.digest, there.resource_version if there else ""):
        return replace(before, desired=wanted, live=there)
    if there is None:
        return ObjectComparison(wanted.key, wanted, None, Verdict.MISSING)
    body, found = wanted.document.body(), there.document.body()
    if unchanged(body, found):
        return ObjectComparison(wanted.key, wanted, there, Verdict.SYNCED)
    fitting = rules.object(wanted.key)
    if fitting.proves_unchanged(body, found):
        return ObjectComparison(wanted.key, wanted, there, Verdict.SYNCED)
    counted = fitting.digest(found)
    if before is not None and before.judged()[0] == wanted.digest and before.counted == counted:
        return replace(before, desired=wanted, live=there)
    return ObjectComparison(wanted.key, wanted, there, Verdict.UNDECIDED, counted=counted)


def _effects(
    current: JsonObject, predicted: JsonObject, rules: ObjectRules, expressed: Expressed, *, mutations: bool
) -> Iterator[Effect]:
    before = content(rules.counted(current, current, expressed.live))
    after = content(rules.counted(predicted, current, expressed.predicted))
    claims = None if mutations else _claims(current, predicted)
    return differences(before, after) if claims is None else effects(before, after, claims)


def _claims(current: JsonObject, predicted: JsonObject) -> tuple[JsonObject, ...] | None:
    """The field sets of our manager before and after; None where one of them cannot be walked."""
    version = text(predicted, "apiVersion")
    after = applied_fields(predicted, version)
    if not after:
        return None
    before = applied_fields(current, version)
    if before is not None:
        return (before, after) if before else (after,)
    entries = objects(current, "metadata", "managedFields")
    ours = any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries)
    return None if ours else (after,)


def _asks(item: ObjectComparison, option: str) -> bool:
    sides = [side.document for side in (item.desired, item.live) if side is not None]
    return any(marks.compare_options(_annotations(side)).get(option) == "true" for side in sides)


def _tolerated(extra: LiveObject) -> bool:
    return marks.compare_options(_annotations(extra.document)).get("IgnoreExtraneous") == "true"


def _is_hook(live: LiveObject) -> bool:
    return marks.is_hook(_annotations(live.document))


def _annotations(document: Document) -> Mapping[str, str]:
    return string_map(document.body(), "metadata", "annotations")
