"""The name of a plan: equal for what does the same to the same, another one for anything else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.annotations import SYNC_OPTIONS
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.document import Document, canonical
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired
from gitopsd.core.plan import PlanOptions
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from tests.core.making import live, live_of, want
from tests.core.planning import HOOKS, a_hook, generated


def with_spec(there: LiveObject, **fields: int) -> LiveObject:
    """Return the live object with these fields of its spec."""
    body = there.document.body()
    return replace(there, document=Document(canonical({**body, "spec": {**mapping(body, "spec"), **fields}})))


def changed(wanted: Desired, there: LiveObject, version: str = "7", status: int = 0) -> Comparison:
    """Return the comparison of one object of which a dry-run said what an apply makes of it."""
    (item,) = wanted.objects
    body = {**there.document.body(), "status": {"replicas": status}}
    found = replace(there, resource_version=version, document=Document(canonical(body)))
    after = {**body, "spec": mapping(item.document.body(), "spec")}
    judged = ObjectComparison(
        item.key, item, found, Verdict.CHANGED, ("spec.replicas",), predicted=Document(canonical(after))
    )
    return Comparison({item.key: judged}, wanted.digest, wanted)


def id_of(wanted: Desired, comparison: Comparison, options: PlanOptions = HOOKS) -> str:
    return plan_id(plan(wanted, comparison, options), comparison)


WEB = want(a_deployment("web", replicas=3))
THERE = with_spec(live_of(WEB.objects[0]), replicas=1, paused=1)
BASE = id_of(WEB, changed(WEB, THERE))


def test_versions_and_statuses_change_nothing() -> None:
    assert id_of(WEB, changed(WEB, THERE, version="8", status=5)) == BASE
    assert len(BASE) == 20


def test_what_is_not_touched_changes_nothing() -> None:
    elsewhere = want(a_deployment("web", replicas=3), a_config_map("other"))
    other = elsewhere.objects[1]
    synced = ObjectComparison(other.key, other, live_of(other), Verdict.SYNCED)
    comparison = changed(WEB, THERE)
    both = Comparison({**comparison.objects, other.key: synced}, elsewhere.digest, elsewhere)
    options = replace(HOOKS, hooks=False)
    assert plan_id(plan(elsewhere, both, options), both) == id_of(WEB, comparison, options)


@pytest.mark.parametrize(
    "moved",
    [
        lambda: id_of(WEB, changed(WEB, with_spec(THERE, replicas=2))),
        lambda: id_of(WEB, changed(WEB, replace(THERE, uid="another"))),
        lambda: id_of(want(a_deployment("web", replicas=4)), changed(want(a_deployment("web", replicas=4)), THERE)),
        lambda: id_of(
            want(a_deployment("web", replicas=3, wave=2)), changed(want(a_deployment("web", replicas=3, wave=2)), THERE)
        ),
        lambda: id_of(WEB, changed(WEB, THERE), replace(HOOKS, options={"Replace": "true"})),
        lambda: id_of(WEB, changed(WEB, THERE), replace(HOOKS, options={"Validate": "false"})),
        lambda: id_of(WEB, changed(WEB, THERE), replace(HOOKS, options={"Force": "true"})),
        lambda: id_of(WEB, compare(WEB, live())),
    ],
    ids=["live value", "live object", "git", "wave", "replace", "validate", "force", "gone"],
)
def test_what_the_plan_touches_changes_it(moved: Callable[[], str]) -> None:
    assert moved() != BASE


@pytest.mark.parametrize("field", ["paused", "replicas", "other"])
def test_of_what_is_replaced_every_live_field_counts(field: str) -> None:
    options = replace(HOOKS, options={"Replace": "true"})
    first = id_of(WEB, changed(WEB, THERE), options)
    assert id_of(WEB, changed(WEB, with_spec(THERE, **{field: 9})), options) != first
    assert id_of(WEB, changed(WEB, THERE, version="9", status=4), options) == first


def pruned(body: JsonObject, options: PlanOptions = HOOKS, uid: str = "u") -> str:
    there = replace(live_of(want(body).objects[0]), uid=uid)
    return id_of(want(), compare(want(), live(there)), options)


def test_what_is_deleted_counts_as_a_whole() -> None:
    base = pruned(a_config_map())
    ids = {
        base,
        pruned(a_config_map(), uid="v"),
        pruned(a_config_map(data={"colour": "red"})),
        pruned(a_config_map("other")),
        pruned(a_config_map(), replace(HOOKS, propagation="Orphan")),
        pruned(a_config_map(annotations={SYNC_OPTIONS: "Prune=false"})),
        pruned(a_config_map(), replace(HOOKS, prune=False)),
        pruned(a_config_map(), replace(HOOKS, request=SyncRequest(), options={"Prune": "confirm"})),
    }
    assert len(ids) == 8
    assert pruned(a_config_map()) == base


def test_the_names_that_each_sync_makes_anew_change_nothing() -> None:
    body = generated(a_hook(), "migrate-")
    first, second = (
        id_of(want(body), compare(want(body), live()), replace(HOOKS, suffix=suffix)) for suffix in ("a-1", "b-2")
    )
    assert first == second


@pytest.mark.parametrize(
    "body",
    [
        a_hook("other"),
        a_hook(phases="PostSync"),
        a_hook(phases="SyncFail"),
        a_hook(wave=1),
        a_hook(policy="HookFailed"),
        an_object(
            "Job", "migrate", api_version="batch/v1", annotations={"argocd.argoproj.io/hook": "PreSync"}, spec={}
        ),
        generated(a_hook(), "migrate-"),
        generated(a_hook(), "other-"),
    ],
)
def test_another_hook_is_another_plan(body: JsonObject) -> None:
    assert id_of(want(body), compare(want(body), live())) != id_of(want(a_hook()), compare(want(a_hook()), live()))


def test_another_hook_for_a_failure_is_another_plan() -> None:
    ids = {
        id_of(want(body), compare(want(body), live()))
        for body in (a_hook(phases="SyncFail"), a_hook("other", "SyncFail"), a_hook(phases="SyncFail", wave=3))
    }
    assert len(ids) == 3


def test_a_secret_key_makes_ids_that_nobody_can_work_out() -> None:
    made, comparison = plan(WEB, changed(WEB, THERE), HOOKS), changed(WEB, THERE)
    assert len({plan_id(made, comparison), plan_id(made, comparison, b"one"), plan_id(made, comparison, b"two")}) == 3
    assert plan_id(made, comparison, b"one") == plan_id(made, comparison, b"one")


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(NAMES, NAMES, st.randoms(use_true_random=False))
def test_the_order_of_manifests_and_objects_changes_nothing(names: list[str], left: list[str], chance: object) -> None:
    def made(names: list[str], left: list[str]) -> str:
        wanted = want(*(a_config_map(name) for name in names))
        extra = [live_of(item) for item in want(*(a_config_map(f"old-{name}") for name in left)).objects]
        return id_of(wanted, compare(wanted, live(*extra)))

    other = sorted(names, key=lambda name: hash((str(chance), name)))
    assert made(names, left) == made(other, left[::-1])
