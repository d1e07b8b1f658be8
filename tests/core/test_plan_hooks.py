"""Hooks in a plan: their phases, waves and names."""

from dataclasses import replace

import pytest

from gitopsd.core.annotations import OPERATION, TRACKING_ID
from gitopsd.core.compare import Verdict, compare
from gitopsd.core.hook import SyncPhase
from gitopsd.core.hooknames import for_operation, named
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.core.plan import ApplyStep, HookStep
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import HEALING, ObjectFilter, SyncRequest
from gitopsd.testing.builders import a_config_map, a_definition, a_deployment, a_namespace, an_instance
from tests.core.making import live, live_of, want
from tests.core.planning import HOOKS, a_hook, generated, judged, planned, told


def test_phases_come_one_after_another_with_waves_within() -> None:
    made = planned(
        a_hook("after", "PostSync"),
        a_hook("second", "PreSync", wave=2),
        a_config_map("settings"),
        a_config_map("late", wave=3),
        a_hook("first", "PreSync", wave=-1),
        a_hook("beside", "Sync"),
        a_hook("clean", "SyncFail", wave=1),
        a_hook("tell", "SyncFail"),
        a_hook("gone", "PreDelete,PostDelete"),
    )
    assert told(made.stages) == [
        ("PreSync", -1, ["first"]),
        ("PreSync", 2, ["second"]),
        ("Sync", 0, ["settings", "beside"]),
        ("Sync", 3, ["late"]),
        ("PostSync", 0, ["after"]),
    ]
    assert told(made.failing) == [("SyncFail", 0, ["tell"]), ("SyncFail", 1, ["clean"])]
    assert {step.key.name for step in made.steps() if isinstance(step, HookStep)} == {
        "first",
        "second",
        "beside",
        "after",
    }


def test_hooks_stand_among_the_objects_of_their_wave_by_kind() -> None:
    made = planned(a_hook(phases="Sync"), a_deployment("web"), a_config_map("b"), a_hook("a", "Sync", kind="ConfigMap"))
    (stage,) = made.stages
    assert [[step.key.name for step in group] for group in stage.groups] == [["a", "b"], ["web"], ["migrate"]]
    assert [key.name for key in stage.waits_for] == ["web", "b"]


def test_a_hook_of_several_phases_runs_in_each() -> None:
    made = planned(a_hook(phases="PostSync,PreSync,SyncFail"), a_config_map())
    steps = [step for step in made.steps() if isinstance(step, HookStep)]
    assert [step.phase for step in steps] == [SyncPhase.PRE_SYNC, SyncPhase.POST_SYNC]
    assert told(made.failing) == [("SyncFail", 0, ["migrate"])]


@pytest.mark.parametrize(
    "request_",
    [
        HEALING,
        SyncRequest(resources=(ObjectFilter(kind="ConfigMap"),)),
        SyncRequest(labels={"a": "b"}),
        SyncRequest(hooks=False),
    ],
)
def test_hooks_run_neither_in_a_selective_sync_nor_to_undo_changes(request_: SyncRequest) -> None:
    options = replace(HOOKS, request=request_)
    made = planned(a_hook(), a_hook("tell", "SyncFail"), a_config_map(), options=options)
    assert not any(isinstance(step, HookStep) for step in made.steps())
    assert made.failing == ()


def test_hooks_run_also_where_nothing_differs() -> None:
    made = planned(a_hook(), verdict=Verdict.SYNCED)
    assert told(made.stages) == [("PreSync", 0, ["migrate"])]
    assert not made.empty


def test_what_comes_after_the_objects_waits_for_all_of_them() -> None:
    wanted = want(a_config_map("a", wave=-1), a_config_map("b"), a_config_map("c", wave=4), a_hook(phases="PostSync"))
    nothing = plan(wanted, judged(wanted, Verdict.SYNCED), HOOKS)
    assert told(nothing.stages) == [("Sync", 4, []), ("PostSync", 0, ["migrate"])]
    assert [key.name for key in nothing.stages[0].waits_for] == ["a", "b", "c"]
    some = plan(wanted, compare(wanted, live(*map(live_of, wanted.objects[1:]))), HOOKS)
    assert told(some.stages) == [("Sync", -1, ["a"]), ("PostSync", 0, ["migrate"])]
    assert [key.name for key in some.stages[0].waits_for] == ["a", "b", "c"]


def test_a_hook_alone_waits_for_no_objects() -> None:
    (stage,) = planned(a_hook(phases="PostSync")).stages
    assert stage.waits_for == ()


def test_one_stage_with_a_hook_waits_for_its_objects_and_without_hooks_for_nothing() -> None:
    (stage,) = planned(a_hook(phases="Sync"), a_deployment("web")).stages
    assert [key.name for key in stage.waits_for] == ["web"]
    (alone,) = planned(a_deployment("web")).stages
    assert alone.waits_for == ()


def test_a_namespace_that_a_hook_needs_is_pulled_forward_to_its_phase() -> None:
    made = planned(a_namespace("team", wave=3), a_hook(namespace="team", wave=-2), a_config_map())
    assert told(made.stages) == [("PreSync", -2, ["team", "migrate"]), ("Sync", 0, ["settings"])]
    assert isinstance(next(made.steps()), ApplyStep)


def test_a_definition_that_a_hook_needs_is_pulled_forward_and_waited_for() -> None:
    body = an_instance("probe", namespace="default")
    metadata: JsonObject = {"name": "probe", "annotations": {"argocd.argoproj.io/hook": "PreSync"}}
    made = planned(a_definition(wave=5), {**body, "metadata": metadata}, a_config_map())
    assert told(made.stages) == [
        ("PreSync", 0, ["widgets.example.org"]),
        ("PreSync", 0, ["probe"]),
        ("Sync", 0, ["settings"]),
    ]
    assert [key.name for key in made.stages[0].waits_for] == ["widgets.example.org"]


def test_a_hook_that_makes_a_namespace_is_pulled_forward_within_its_phase() -> None:
    namespace = {**a_namespace("team"), "metadata": a_hook("team", wave=7)["metadata"]}
    made = planned(a_hook(namespace="team", wave=-1), namespace)
    assert told(made.stages) == [("PreSync", -1, ["team", "migrate"])]


class TestNames:
    """The final names of hooks with a generateName."""

    def test_are_made_of_the_prefix_the_commit_the_phase_and_the_time(self) -> None:
        made = planned(generated(a_hook(phases="PreSync,PostSync"), "migrate-"))
        steps = [step for step in made.steps() if isinstance(step, HookStep)]
        assert [step.key.name for step in steps] == [
            "migrate-1a2b3c4-presync-1790000000",
            "migrate-1a2b3c4-postsync-1790000000",
        ]
        body = steps[0].hook.object.document.body()
        assert text(body, "metadata", "name") == steps[0].key.name
        tracking = text(body, "metadata", "annotations", TRACKING_ID)
        assert tracking == "guestbook:batch/Job:default/migrate-1a2b3c4-presync-1790000000"
        assert steps[0].hook.object.digest == steps[0].hook.object.document.digest()
        assert not steps[0].hook.generated

    def test_of_a_job_have_63_characters_at_most(self) -> None:
        made = planned(generated(a_hook(), "m" * 100 + "-"), generated(a_hook(kind="ConfigMap"), "c" * 300 + "-"))
        names = {step.key.kind: step.key.name for step in made.steps()}
        assert names["Job"] == "m" * 37 + "1a2b3c4-presync-1790000000"
        assert (len(names["Job"]), len(names["ConfigMap"])) == (63, 253)

    def test_of_two_hooks_with_one_prefix_differ(self) -> None:
        body = generated(a_hook(), "migrate-")
        names = [step.key.name for step in planned(body, body, body).steps()]
        assert names == [f"migrate-1a2b3c4-presync-1790000000{more}" for more in ("", "-2", "-3")]

    def test_that_are_written_stay(self) -> None:
        (hook,) = want(a_hook()).hooks
        assert named(hook, SyncPhase.PRE_SYNC, "x-1", {ObjectKey("batch", "Job", "default", "migrate")}) is hook


def test_the_operation_stands_on_a_hook_beside_its_other_annotations() -> None:
    (hook,) = want(a_hook()).hooks
    marked = for_operation(hook, "42").object
    before, after = (mapping(item.document.body(), "metadata", "annotations") for item in (hook.object, marked))
    assert after == {**before, OPERATION: "42"}
    assert marked.digest == marked.document.digest() != hook.object.digest
    assert marked.key == hook.key


def test_an_operation_that_a_manifest_claims_is_replaced() -> None:
    body = a_hook()
    metadata = mapping(body, "metadata")
    claims = {**body, "metadata": {**metadata, "annotations": {**mapping(metadata, "annotations"), OPERATION: "9"}}}
    (hook,) = want(claims).hooks
    assert text(for_operation(hook, "42").object.document.body(), "metadata", "annotations", OPERATION) == "42"
