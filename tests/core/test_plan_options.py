"""What an application's policy and a request let a sync do, and which objects it is for."""

from dataclasses import replace

import pytest

from gitopsd.core.annotations import SYNC_OPTIONS
from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import compare
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.plan import PROTECTED, PlanOptions, PruneStep
from gitopsd.core.planning import plan
from gitopsd.core.planoptions import plan_options
from gitopsd.core.syncrequest import AUTOMATED, HEALING, ObjectFilter, SyncRequest
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
)
from tests.core.making import live, live_of, want
from tests.core.planning import CONFIRMED, PRUNING, told

ASKED = SyncRequest(initiated_by="eve")


@pytest.mark.parametrize(
    ("automated", "prune", "asked", "prunes"),
    [
        (True, True, None, True),
        (True, False, None, False),
        (False, False, None, False),
        (True, True, False, False),
        (False, False, True, True),
        (True, False, True, True),
    ],
)
def test_a_request_says_whether_to_prune_else_the_policy(
    automated: bool, prune: bool, asked: bool | None, prunes: bool
) -> None:
    spec = an_app(automated=automated, prune=prune)
    assert plan_options(spec, replace(ASKED, prune=asked)).prune is prunes


@pytest.mark.parametrize(
    ("written", "propagation"),
    [
        ("", "Foreground"),
        ("foreground", "Foreground"),
        ("background", "Background"),
        ("orphan", "Orphan"),
        ("sideways", "Foreground"),
    ],
)
def test_propagation(written: str, propagation: str) -> None:
    spec = an_app(options={"PrunePropagationPolicy": written} if written else {})
    assert plan_options(spec, AUTOMATED).propagation == propagation


def test_a_requests_options_go_before_the_applications() -> None:
    spec = an_app(options={"PruneLast": "true", "Replace": "true"})
    options = plan_options(spec, replace(ASKED, options={"PruneLast": "false", "Validate": "false"}))
    assert not options.prune_last
    assert options.options == {"PruneLast": "false", "Replace": "true", "Validate": "false"}
    assert plan_options(spec, AUTOMATED).prune_last


def test_everything_else_is_the_policys() -> None:
    spec = an_app(allow_empty=True)
    spec = replace(spec, sync_policy=replace(spec.sync_policy, on_immutable=OnImmutable.FAIL, prune_limit=0.1))
    options = plan_options(spec, HEALING, suffix="abc-1", protected={GroupKind("", "Secret")})
    assert options == PlanOptions(
        request=HEALING,
        on_immutable=OnImmutable.FAIL,
        prune_limit=0.1,
        may_empty=True,
        protected=frozenset({GroupKind("", "Secret")}),
        hooks=True,
        suffix="abc-1",
    )
    assert plan_options(spec, AUTOMATED).protected == PROTECTED


def labelled(name: str, tier: str) -> JsonObject:
    return an_object("ConfigMap", name, labels={"tier": tier}, data={})


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        (SyncRequest(), {"front", "back", "web"}),
        (SyncRequest(resources=(ObjectFilter(kind="ConfigMap"),)), {"front", "back"}),
        (SyncRequest(resources=(ObjectFilter(name="fr*", exclude=True),)), {"back", "web"}),
        (SyncRequest(labels={"tier": "a"}), {"front"}),
        (SyncRequest(labels={"tier": "a"}, resources=(ObjectFilter(kind="Deployment"),)), set()),
        (SyncRequest(resources=(ObjectFilter(group="apps"), ObjectFilter(name="back"))), {"back", "web"}),
    ],
)
@pytest.mark.parametrize("left_git", [True, False])
def test_a_selective_sync_is_for_what_it_names_by_desired_or_live_labels(
    request_: SyncRequest, chosen: set[str], left_git: bool
) -> None:
    bodies = [labelled("front", "a"), labelled("back", "b"), a_deployment("web")]
    options = PlanOptions(prune=True, prune_limit=1.0, request=request_)
    wanted = want() if left_git else want(*bodies)
    there = live(*map(live_of, want(*bodies).objects)) if left_git else live()
    made = plan(wanted, compare(wanted, there), options)
    assert {step.key.name for step in made.steps()} == chosen
    assert made.skipped == {}


def test_a_selective_sync_waits_for_and_pulls_forward_only_what_it_names() -> None:
    wanted = want(
        a_namespace("team", wave=5),
        a_config_map("a", namespace="team", wave=1),
        a_config_map("b", namespace="team", wave=-3),
        a_config_map("c", wave=5),
    )
    request = SyncRequest(resources=(ObjectFilter(name="b", exclude=True), ObjectFilter(namespace="")))
    request = replace(request, resources=(*request.resources, ObjectFilter(name="a")))
    made = plan(wanted, compare(wanted, live()), PlanOptions(request=request))
    assert told(made.stages) == [("Sync", 1, ["team", "a"])]


def gone(body: JsonObject, written: str) -> DesiredObject:
    name = written.replace("=", "-").lower() or "plain"
    metadata: JsonObject = {"name": name, "annotations": {SYNC_OPTIONS: written} if written else {}}
    return want({**body, "metadata": metadata}).objects[0]


@pytest.mark.parametrize("everywhere", [True, False])
def test_prune_last_is_of_one_object_or_of_all_and_comes_after_all_waves_of_the_sync(everywhere: bool) -> None:
    wanted = want(a_config_map("early", wave=-1), a_config_map("late", wave=2))
    extra = [live_of(gone(a_config_map(), written)) for written in ("", "PruneLast=true", "PruneLast=false")]
    options = replace(PRUNING, prune_last=everywhere)
    made = plan(wanted, compare(wanted, live(*extra)), options)
    first = ["-plain"] if not everywhere else []
    assert told(made.stages) == [
        ("Sync", -1, ["early"]),
        ("Sync", 0, [*first, "-prunelast-false"]),
        ("Sync", 2, ["late"]),
        ("Sync", 3, ["-prunelast-true"] if not everywhere else ["-plain", "-prunelast-true"]),
    ]


def test_prunes_come_before_the_hooks_that_come_after_everything() -> None:
    hook = an_object("Job", "after", api_version="batch/v1", annotations={"argocd.argoproj.io/hook": "PostSync"})
    wanted = want(a_config_map("new"), hook)
    extra = live_of(gone(a_config_map(), "PruneLast=true"))
    made = plan(wanted, compare(wanted, live(extra)), replace(PRUNING, hooks=True, suffix="a-1"))
    assert told(made.stages) == [
        ("Sync", 0, ["new"]),
        ("Sync", 1, ["-prunelast-true"]),
        ("PostSync", 0, ["after"]),
    ]
    assert [key.name for key in made.stages[1].waits_for] == ["new"]


def test_a_kind_that_an_earlier_wave_brings_needs_nothing_of_its_own() -> None:
    wanted = want(a_definition(wave=-1), an_instance(namespace="default", wave=1), a_config_map("a", wave=1))
    made = plan(wanted, compare(wanted, live()), PlanOptions(request=CONFIRMED))
    assert told(made.stages) == [("Sync", -1, ["widgets.example.org"]), ("Sync", 1, ["a", "first"])]
    assert [key.name for key in made.stages[0].waits_for] == ["widgets.example.org"]


def test_Z2_a_definition_with_an_odd_name_is_pulled_forward_to_nothing() -> None:
    definition = a_definition(wave=3)
    odd = {**definition, "metadata": {**mapping(definition, "metadata"), "name": "nodots"}}
    wanted = want(odd, a_config_map("a", wave=-1))
    made = plan(wanted, compare(wanted, live()), PlanOptions())
    assert told(made.stages) == [("Sync", -1, ["a"]), ("Sync", 3, ["nodots"])]
    assert not any(isinstance(step, PruneStep) for step in made.steps())
