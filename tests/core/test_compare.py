"""Desired against live, every verdict."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.compare import NOTHING_COMPARED, Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.document import Document, canonical
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import CompareRules
from gitopsd.testing.builders import a_config_map, a_deployment
from tests.core.making import live, live_body, live_of, want


def one(wanted: Desired) -> DesiredObject:
    return wanted.objects[0]


def only(comparison: Comparison) -> ObjectComparison:
    (item,) = comparison.objects.values()
    return item


def drifted(wanted: DesiredObject, change: dict[str, Any], *, version: str = "8") -> LiveObject:
    return live_body(wanted, {**live_of(wanted).document.body(), **change}, version=version)


def predicted(wanted: DesiredObject, body: JsonObject, *, version: str = "8") -> Prediction:
    return Prediction(wanted.digest, version, Document(canonical(body)))


def test_what_is_not_there_is_missing() -> None:
    wanted = want(a_config_map())
    item = only(compare(wanted, live()))
    assert (item.verdict, item.live, item.desired) == (Verdict.MISSING, None, one(wanted))
    assert item.judged() == (one(wanted).digest, "")


def test_what_ownership_proves_is_synced_without_a_dry_run() -> None:
    wanted = want(a_config_map(), a_deployment())
    comparison = compare(wanted, live(*map(live_of, wanted.objects)))
    assert comparison.synced
    assert comparison.undecided == ()
    assert comparison.digest == wanted.digest


def test_what_ownership_cannot_prove_is_undecided() -> None:
    wanted = want(a_config_map())
    item = only(compare(wanted, live(drifted(one(wanted), {"data": {"colour": "red"}}))))
    assert item.verdict is Verdict.UNDECIDED


def test_a_dry_run_that_changes_something_names_the_paths_and_no_values() -> None:
    wanted = want(a_deployment(replicas=2))
    there = drifted(one(wanted), {"spec": {"replicas": 9, "extra": [{"a": 1}, {"a": 2}]}, "status": {"replicas": 9}})
    after: JsonObject = {**there.document.body(), "spec": {"replicas": 2, "extra": [{"a": 1}, {"a": 3}]}, "status": {}}
    item = only(compare(wanted, live(there), {there.key: predicted(one(wanted), after)}))
    assert (item.verdict, item.changes) == (Verdict.CHANGED, ("spec.replicas",))
    every = compare(wanted, live(there), {there.key: predicted(one(wanted), after)}, rules=CompareRules(mutations=True))
    assert only(every).changes == ("spec.extra[1].a", "spec.replicas")


def test_what_the_dry_run_answered_is_kept_for_what_it_would_change_alone() -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {"colour": "red"}})
    would_be = predicted(one(wanted), live_of(one(wanted)).document.body())
    changed = compare(wanted, live(there), {there.key: would_be})
    assert only(changed).predicted == would_be.document
    assert only(compare(wanted, live(there), previous=changed)).predicted == would_be.document
    same = only(compare(wanted, live(there), {there.key: predicted(one(wanted), there.document.body())}))
    assert (same.verdict, same.predicted) == (Verdict.SYNCED, None)


def test_a_dry_run_that_changes_nothing_but_bookkeeping_is_synced() -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {"colour": "green", "theirs": "1"}})
    body = there.document.body()
    metadata: dict[str, Any] = {**body["metadata"], "resourceVersion": "9", "generation": 3, "managedFields": []}  # type: ignore[dict-item]  # metadata is a mapping
    item = only(compare(wanted, live(there), {there.key: predicted(one(wanted), {**body, "metadata": metadata})}))
    assert item.verdict is Verdict.SYNCED


def test_a_refused_dry_run_is_refused_with_its_reason() -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {}})
    prediction = Prediction(one(wanted).digest, "8", None, "denied by policy")
    item = only(compare(wanted, live(there), {there.key: prediction}))
    assert (item.verdict, item.error) == (Verdict.REFUSED, "denied by policy")


def test_a_dry_run_at_another_version_is_compared_with_the_object_at_that_version() -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"apiVersion": "v1beta1", "data": {"old": "way"}})
    after = live_of(one(wanted)).document.body()
    prediction = replace(predicted(one(wanted), after), current=Document(canonical(after)))
    assert only(compare(wanted, live(there), {there.key: prediction})).verdict is Verdict.SYNCED


@pytest.mark.parametrize("stale", [{"desired_digest": "another"}, {"resource_version": "6"}])
def test_predictions_for_another_pair_are_not_looked_at(stale: dict[str, str]) -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {}})
    prediction = replace(predicted(one(wanted), there.document.body()), **stale)  # type: ignore[arg-type]  # both are text
    assert only(compare(wanted, live(there), {there.key: prediction})).verdict is Verdict.UNDECIDED


def test_what_left_git_is_extra_if_it_is_tracked_and_no_copy() -> None:
    wanted = want(a_config_map("a"), a_config_map("b"), a_config_map("c"), a_config_map("d"))
    a, b, c, d = wanted.objects
    found = live(live_of(a), live_of(b), live_of(c, owner=""), live_of(d, copied=True))
    comparison = compare(want(a_config_map("a")), found)
    assert {key.name: item.verdict for key, item in comparison.objects.items()} == {
        "a": Verdict.SYNCED,
        "b": Verdict.EXTRA,
    }
    assert comparison.having(Verdict.EXTRA)[0].judged() == ("", "7")
    assert not comparison.synced


@pytest.mark.parametrize(
    "annotations",
    [
        {"argocd.argoproj.io/hook": "PreSync"},
        {"argocd.argoproj.io/hook": "PreDelete"},
        {"argocd.argoproj.io/hook": "PostDelete"},
        {"helm.sh/hook": "post-install,post-upgrade"},
    ],
)
def test_a_hooks_object_is_never_left_over_and_costs_nothing_at_the_next_look(annotations: dict[str, str]) -> None:
    wanted, job = want(a_config_map()), want(a_config_map("migrate"))
    body = live_of(one(job)).document.body()
    metadata: Any = body["metadata"]
    hooked: JsonObject = {**body, "metadata": {**metadata, "annotations": {**metadata["annotations"], **annotations}}}
    there = live_body(one(job), hooked)
    seen = live(live_of(one(wanted)), there)
    comparison = compare(wanted, seen)
    assert comparison.synced
    assert list(comparison.objects) == [one(wanted).key]
    assert comparison.hooks == {there.key: there}
    assert compare(wanted, seen, previous=comparison) is comparison
    gone = compare(wanted, live(live_of(one(wanted))), previous=comparison)
    assert gone.hooks == {}


@pytest.mark.parametrize("mark", ["helm.sh/hook=crd-install", "helm.sh/hook=test", "argocd.argoproj.io/hook=Skip"])
def test_an_object_that_runs_at_no_phase_is_left_over_like_any(mark: str) -> None:
    name, _, text = mark.partition("=")
    job = want(a_config_map("test"))
    body = live_of(one(job)).document.body()
    metadata: Any = body["metadata"]
    marked = {**body, "metadata": {**metadata, "annotations": {**metadata["annotations"], name: text}}}
    assert only(compare(want(), live(live_body(one(job), marked)))).verdict is Verdict.EXTRA


def test_an_object_that_becomes_a_hook_where_it_lives_is_left_over_no_more() -> None:
    job = want(a_config_map("migrate", annotations={"argocd.argoproj.io/sync-wave": "1"}))
    before = compare(job, live(live_of(one(job))))
    body = live_of(one(job)).document.body()
    metadata: Any = body["metadata"]
    hooked = {
        **body,
        "metadata": {**metadata, "annotations": {**metadata["annotations"], "helm.sh/hook": "pre-install"}},
    }
    there = live_body(one(job), hooked, version="8")
    assert only(compare(job, live(there), previous=before)).desired is not None
    after = compare(want(), live(there), previous=before)
    assert (after.objects, list(after.hooks)) == ({}, [there.key])


def test_a_wanted_object_that_looks_like_a_copy_is_compared_like_any_other() -> None:
    wanted = want(a_config_map())
    assert only(compare(wanted, live(live_of(one(wanted), copied=True)))).verdict is Verdict.SYNCED


class Counting:
    """Counts how often a document is parsed."""

    def __init__(self) -> None:
        self.parsed = 0

    def __call__(self, raw: bytes) -> JsonObject:
        self.parsed += 1
        return Document(raw).body()


def test_a_verdict_for_the_same_pair_stands_and_nothing_is_parsed_again() -> None:
    wanted = want(a_config_map())
    counting = Counting()
    there = live_of(one(wanted))
    there = replace(there, document=Document(there.document.raw, counting))
    first = compare(wanted, live(there))
    assert counting.parsed == 1
    again = compare(wanted, live(there), previous=first)
    assert counting.parsed == 1
    assert again == first


@pytest.mark.parametrize("verdict", [Verdict.CHANGED, Verdict.REFUSED, Verdict.SYNCED])
def test_a_remembered_verdict_keeps_changes_and_error(verdict: Verdict) -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {}})
    before = Comparison({there.key: ObjectComparison(there.key, one(wanted), there, verdict, ("data",), "why")})
    item = only(compare(wanted, live(there), previous=before))
    assert (item.verdict, item.changes, item.error) == (verdict, ("data",), "why")


def test_a_remembered_verdict_falls_with_either_side_of_its_pair() -> None:
    wanted = want(a_config_map())
    there = live_of(one(wanted))
    before = compare(wanted, live(there))
    moved = live_body(one(wanted), {**there.document.body(), "data": {}}, version="8")
    assert only(compare(wanted, live(moved), previous=before)).verdict is Verdict.UNDECIDED
    newer = want(a_config_map(data={"colour": "blue"}))
    assert only(compare(newer, live(there), previous=before)).verdict is Verdict.UNDECIDED
    assert only(compare(wanted, live(), previous=before)).verdict is Verdict.MISSING


def test_undecided_is_never_remembered() -> None:
    wanted = want(a_config_map())
    there = drifted(one(wanted), {"data": {}})
    before = compare(wanted, live(there))
    prediction = predicted(one(wanted), live_of(one(wanted)).document.body())
    assert only(compare(wanted, live(there), {there.key: prediction}, before)).verdict is Verdict.CHANGED


def test_at_most_twenty_changes_are_shown() -> None:
    wanted = want(a_config_map(data={f"key-{number}": "1" for number in range(50)}))
    there = drifted(one(wanted), {"data": {}})
    after = live_of(one(wanted)).document.body()
    item = only(compare(wanted, live(there), {there.key: predicted(one(wanted), after)}))
    assert item.verdict is Verdict.CHANGED
    assert len(item.changes) == 20


def test_nothing_against_nothing_is_synced() -> None:
    assert compare(want(), Live({})).synced
    assert NOTHING_COMPARED.synced


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_the_wanted_ones_come_first_and_in_the_order_of_the_manifests(order: list[int], kept: set[int]) -> None:
    every = want(*(a_config_map(f"c{number}") for number in range(6)))
    wanted = want(*(a_config_map(f"c{number}") for number in order if number in kept))
    comparison = compare(wanted, live(*map(live_of, every.objects)))
    names = [key.name for key in comparison.objects]
    assert names[: len(kept)] == [f"c{number}" for number in order if number in kept]
    assert {item.verdict for item in comparison.objects.values()} <= {Verdict.SYNCED, Verdict.EXTRA}
    assert len(names) == 6
