"""What a sync will do, and in which order."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.desired import managed_namespace
from gitopsd.core.document import Document, canonical
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired
from gitopsd.core.plan import ApplyStep, Plan, PlanOptions, PlanReason, PruneStep, Stage
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import HEALING, SyncRequest
from gitopsd.core.waves import kind_rank
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
)
from tests.core.making import live, live_body, live_of, want

CONFIRMED = SyncRequest(confirmed=True)
PRUNE = PlanOptions(prune=True, request=CONFIRMED)


def planned(*bodies: JsonObject, extra: Iterable[JsonObject] = (), options: PlanOptions = PRUNE) -> Plan:
    """Return the plan for objects that are all missing, beside `extra` ones that left git."""
    wanted = want(*bodies)
    return plan(wanted, compare(wanted, live(*map(live_of, want(*extra).objects))), options)


def told(stage: Stage) -> list[list[str]]:
    """Return the names of a stage's applies, group by group."""
    return [[step.key.name for step in group] for group in stage.groups]


def pruned(made: Plan) -> list[list[str]]:
    """Return the names of the prunes, stage by stage."""
    return [[step.key.name for step in stage.prunes] for stage in made.stages]


def test_nothing_differs_nothing_is_planned() -> None:
    wanted = want(a_config_map(), a_deployment())
    made = plan(wanted, compare(wanted, live(*map(live_of, wanted.objects))), PRUNE)
    assert made.empty
    assert list(made.steps()) == []
    assert made.digest == wanted.digest


def test_kinds_of_one_wave_come_in_order_and_those_of_one_rank_together() -> None:
    bodies = [
        an_object("Widget", "widget", api_version="example.org/v1"),
        a_deployment("web"),
        a_config_map("b"),
        an_object("Secret", "secret"),
        a_namespace("team"),
        a_config_map("a"),
        an_object("Service", "svc"),
    ]
    (stage,) = planned(*bodies).stages
    assert told(stage) == [["team"], ["secret"], ["a", "b"], ["svc"], ["web"], ["widget"]]


def test_the_order_of_kinds_is_argo_cds() -> None:
    kinds = ["Namespace", "Secret", "ConfigMap", "CustomResourceDefinition", "Service", "Deployment", "Job", "Ingress"]
    ranks = [kind_rank(kind) for kind in kinds]
    assert ranks == sorted(set(ranks))
    assert kind_rank("Anything") == kind_rank("Else") > kind_rank("APIService")


def test_waves_come_one_after_another_and_wait_for_all_their_members() -> None:
    wanted = want(a_config_map("late", wave=5), a_config_map("there", wave=-1), a_config_map("early", wave=-1))
    there = live(live_of(wanted.objects[1]))
    first, second = plan(wanted, compare(wanted, there), PRUNE).stages
    assert (first.wave, told(first)) == (-1, [["early"]])
    assert [key.name for key in first.waits_for] == ["there", "early"]
    assert (second.wave, told(second)) == (5, [["late"]])
    assert [key.name for key in second.waits_for] == ["late"]


def test_a_single_stage_waits_for_nothing() -> None:
    (stage,) = planned(a_config_map(), a_deployment()).stages
    assert stage.waits_for == ()


def test_waves_with_nothing_to_do_are_waited_for_before_others_and_left_out_after_them() -> None:
    wanted = want(a_config_map("a", wave=1), a_config_map("b", wave=2), a_config_map("c", wave=3))
    there = live(live_of(wanted.objects[0]), live_of(wanted.objects[2]))
    first, second = plan(wanted, compare(wanted, there), PRUNE).stages
    assert (first.wave, first.groups, [key.name for key in first.waits_for]) == (1, (), ["a"])
    assert second.wave == 2


def test_undoing_a_change_waits_for_no_other_wave() -> None:
    wanted = want(a_config_map("a", wave=1), a_config_map("b", wave=2))
    healing = replace(PRUNE, request=HEALING)
    (stage,) = plan(wanted, compare(wanted, live(live_of(wanted.objects[0]))), healing).stages
    assert (stage.wave, stage.waits_for) == (2, ())


def test_a_definition_comes_before_its_instances_which_wait_for_it() -> None:
    first, second = planned(an_instance(), a_config_map(), a_definition(), a_namespace("team")).stages
    assert told(first) == [["team"], ["widgets.example.org"]]
    assert [key.name for key in first.waits_for] == ["widgets.example.org"]
    assert told(second) == [["settings"], ["first"]]


def test_a_definition_without_instances_needs_no_stage_of_its_own() -> None:
    (stage,) = planned(a_config_map(), a_definition()).stages
    assert told(stage) == [["settings"], ["widgets.example.org"]]


def test_definitions_and_namespaces_are_pulled_forward_to_who_needs_them() -> None:
    made = planned(
        a_namespace("team", wave=9),
        a_definition(wave=9),
        a_config_map(namespace="team", wave=-2),
        an_instance(wave=1),
    )
    assert [(stage.wave, told(stage)) for stage in made.stages] == [
        (-2, [["team"], ["settings"]]),
        (1, [["widgets.example.org"]]),
        (1, [["first"]]),
    ]


def test_a_namespace_that_comes_earlier_stays_there() -> None:
    first, _ = planned(a_namespace("team", wave=-5), a_config_map(namespace="team", wave=1)).stages
    assert (first.wave, told(first)) == (-5, [["team"]])


def test_the_namespace_of_create_namespace_comes_before_everything() -> None:
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    wanted = want(a_config_map("a", wave=-5), a_config_map("b"), spec=spec)
    namespace = managed_namespace(spec, wanted)
    assert namespace is not None
    missing = ObjectComparison(namespace.key, namespace, None, Verdict.MISSING)
    first, second = plan(wanted, compare(wanted, live()), PRUNE, missing).stages
    assert told(first) == [["shop"], ["a"]]
    assert told(second) == [["b"]]
    step = first.groups[0][0]
    assert isinstance(step, ApplyStep)
    assert step.reason is PlanReason.NAMESPACE


@pytest.mark.parametrize("verdict", [Verdict.MISSING, Verdict.SYNCED])
def test_the_namespace_alone_is_a_plan_only_if_it_is_missing(verdict: Verdict) -> None:
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    namespace = managed_namespace(spec, want(spec=spec))
    assert namespace is not None
    made = plan(want(), compare(want(), live()), PRUNE, ObjectComparison(namespace.key, namespace, None, verdict))
    assert made.empty is (verdict is Verdict.SYNCED)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict.MISSING, PlanReason.MISSING),
        (Verdict.CHANGED, PlanReason.CHANGED),
        (Verdict.REFUSED, PlanReason.CHANGED),
        (Verdict.SYNCED, None),
        (Verdict.UNDECIDED, None),
    ],
)
def test_steps_say_why(verdict: Verdict, reason: PlanReason | None) -> None:
    wanted = want(a_config_map())
    item = ObjectComparison(wanted.objects[0].key, wanted.objects[0], None, verdict, ("data",))
    steps = list(plan(wanted, Comparison({item.key: item}), PRUNE).steps())
    assert [step.reason for step in steps if isinstance(step, ApplyStep)] == ([reason] if reason else [])
    assert all(isinstance(step, ApplyStep) and step.changes == ("data",) for step in steps)


def test_what_left_git_goes_in_the_reverse_order() -> None:
    made = planned(extra=[a_namespace("team"), a_config_map("b"), a_config_map("a"), a_deployment("web")])
    assert pruned(made) == [["web", "a", "b", "team"]]
    steps = list(made.steps())
    assert all(isinstance(step, PruneStep) and step.propagation == "Foreground" for step in steps)


def test_waves_of_what_left_git_are_mirrored() -> None:
    made = planned(extra=[a_config_map("first", wave=-1), a_config_map("middle"), a_config_map("last", wave=7)])
    assert [(stage.wave, [step.key.name for step in stage.prunes]) for stage in made.stages] == [
        (-1, ["last"]),
        (0, ["middle"]),
        (7, ["first"]),
    ]


def test_prunes_of_a_wave_come_before_its_applies_and_with_prune_last_after_all() -> None:
    (stage,) = planned(a_config_map("new"), extra=[a_config_map("old")]).stages
    assert [step.key.name for step in stage.prunes] == ["old"]
    last = planned(
        a_config_map("new"),
        a_config_map("newer", wave=3),
        extra=[a_config_map("old", wave=-9), a_config_map("older")],
        options=PlanOptions(prune=True, prune_last=True, request=CONFIRMED),
    )
    assert pruned(last) == [[], [], ["older", "old"]]
    assert last.stages[-1].groups == ()


def test_pruning_that_is_off_skips_with_the_reason() -> None:
    made = planned(extra=[a_config_map()], options=PlanOptions())
    assert made.empty
    assert made.skipped == {
        ObjectKey("", "ConfigMap", "default", "settings"): "pruning is off (syncPolicy.automated.prune)"
    }


@pytest.mark.parametrize(
    "option", ["Prune=false", "Prune=odd", "Prune:false", "prune=false", "Prune", "Prune=False", "Prune=", "Prune = no"]
)
def test_an_object_that_says_anything_but_prune_true_stays(option: str) -> None:
    marked = a_config_map(annotations={"argocd.argoproj.io/sync-options": f"Replace=true, {option}"})
    made = planned(extra=[marked])
    assert made.empty
    assert list(made.skipped.values()) == [f"the object says {option}"]
    assert made.guarded == frozenset()


def test_the_propagation_is_passed_on() -> None:
    made = planned(extra=[a_config_map()], options=PlanOptions(prune=True, propagation="Orphan"))
    assert [step.propagation for step in made.steps() if isinstance(step, PruneStep)] == ["Orphan"]


def test_what_is_being_deleted_is_neither_pruned_nor_skipped() -> None:
    gone = want(a_config_map()).objects[0]
    going = live_body(gone, live_of(gone).document.body(), deleting=True)
    made = plan(want(), compare(want(), live(going)), PRUNE)
    assert made.empty
    assert made.skipped == {}


@pytest.mark.parametrize("metadata", [None, "odd", {"annotations": None}, {"annotations": {"a": 1}}], ids=str)
def test_Z2_odd_live_objects_are_pruned_like_any_other(metadata: JsonObject | str | None) -> None:
    gone = want(a_config_map()).objects[0]
    there = LiveObject(gone.key, gone.gvk, "u", "1", Document(canonical({"metadata": metadata})), "guestbook")
    assert len(list(plan(want(), compare(want(), live(there)), PRUNE).steps())) == 1


BODIES = st.lists(
    st.one_of(
        st.builds(a_config_map, st.sampled_from("abcd"), wave=st.integers(-2, 2)),
        st.builds(a_deployment, st.sampled_from("abcd"), wave=st.integers(-2, 2)),
        st.builds(a_namespace, st.sampled_from(["default", "team"]), wave=st.integers(-2, 2)),
        st.builds(an_instance, st.sampled_from("abcd"), wave=st.integers(-2, 2), namespace=st.just("team")),
        st.builds(a_definition, wave=st.integers(-2, 2)),
    ),
    max_size=12,
)


def made_of(wanted: Desired, left: Desired, there: set[int]) -> tuple[Comparison, Plan]:
    """Plan for `wanted` when some of it is there already, and `left` has left git."""
    found = [live_of(item) for position, item in enumerate(wanted.objects) if position in there]
    keys = {item.key for item in wanted.objects}
    found += [live_of(item) for item in left.objects if item.key not in keys]
    comparison = compare(wanted, live(*found))
    return comparison, plan(wanted, comparison, PRUNE)


@given(BODIES, BODIES, st.sets(st.integers(0, 12)))
def test_every_plan_is_complete_and_in_order(bodies: list[JsonObject], left: list[JsonObject], there: set[int]) -> None:
    wanted = want(*bodies)
    comparison, made = made_of(wanted, want(*left), there)
    steps = [step.key for step in made.steps()]
    differing = [key for key, item in comparison.objects.items() if item.verdict is not Verdict.SYNCED]
    assert sorted(steps) == sorted(differing)
    waves = [stage.wave for stage in made.stages]
    assert waves == sorted(waves)
    for stage in made.stages:
        ranks = [[kind_rank(step.key.kind) for step in group] for group in stage.groups]
        assert all(len(set(group)) == 1 for group in ranks)
        assert all(first[0] < second[0] for first, second in itertools.pairwise(ranks))
        assert set(stage.waits_for) <= {item.key for item in wanted.objects}
    if len(made.stages) == 1:
        assert made.stages[0].waits_for == ()
    places = {key: position for position, key in enumerate(steps)}
    applied = {step.key for step in made.steps() if isinstance(step, ApplyStep)}
    for key in applied:
        namespace = ObjectKey("", "Namespace", "", key.namespace)
        if namespace in applied:
            assert places[namespace] < places[key]
        definition = ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.org")
        if key.kind == "Widget" and definition in applied:
            assert places[definition] < places[key]


@given(BODIES, st.randoms(use_true_random=False))
def test_the_order_of_the_manifests_changes_no_plan(bodies: list[JsonObject], chance: object) -> None:
    unique = list({(str(body["kind"]), str(body["metadata"])): body for body in bodies}.values())
    keys = [item.key for item in want(*unique).objects]
    if len(keys) != len(unique):
        return
    shuffled = sorted(unique, key=lambda body: hash((str(chance), str(body))))
    first, second = planned(*unique), planned(*shuffled)
    assert [told(stage) for stage in first.stages] == [told(stage) for stage in second.stages]
