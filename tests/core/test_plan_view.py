"""A plan as people see it."""

from dataclasses import replace

from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.desired import managed_namespace
from gitopsd.core.document import Document, canonical
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.plan import PlanOptions
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.planview import PlanView, plan_view
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_deployment, a_namespace, an_app, an_object
from tests.core.making import live, live_of, want
from tests.core.planning import HOOKS, a_hook, a_job, judged

REFUSAL = "spec.selector: Invalid value: {}: field is immutable"


def changed(item: DesiredObject, before: JsonObject, paths: tuple[str, ...] = ("data",)) -> ObjectComparison:
    """Return the comparison of an object that is as `before` and would be as git has it."""
    after = item.document.body()
    there = replace(live_of(item), document=Document(canonical({**after, **before})))
    return ObjectComparison(item.key, item, there, Verdict.CHANGED, paths, predicted=item.document)


def seen(made: PlanView) -> list[tuple[int, str, int, str, str, str]]:
    """Return number, phase, wave, action, name and reason of each step."""
    return [
        (step.number, step.phase.value, step.wave, step.action, step.key.name, step.why)
        for stage in (*made.stages, *made.failing)
        for step in stage.steps
    ]


def test_every_step_says_when_it_comes_what_it_does_and_why() -> None:
    wanted = want(
        a_config_map("new", wave=2), a_hook("before"), a_hook("tell", "SyncFail"), a_namespace("team", wave=9),
        a_config_map("inside", namespace="team"),
    )  # fmt: skip
    comparison = compare(wanted, live(live_of(want(a_config_map("old")).objects[0])))
    made = plan_view(plan(wanted, comparison, HOOKS), comparison, revisions=["abc"], blocked="a window is shut")
    assert seen(made) == [
        (1, "PreSync", 0, "run", "before", "it is a PreSync hook"),
        (2, "Sync", 0, "prune", "old", "it left git"),
        (
            3,
            "Sync",
            0,
            "apply",
            "team",
            "it is in git and not in the cluster; it comes before wave 9 because something needs it earlier",
        ),
        (4, "Sync", 0, "apply", "inside", "it is in git and not in the cluster"),
        (5, "Sync", 2, "apply", "new", "it is in git and not in the cluster"),
        (6, "SyncFail", 0, "run", "tell", "it is a SyncFail hook"),
    ]
    assert [key.name for key in made.stages[1].waits_for] == ["team", "inside"]
    assert (made.revisions, made.blocked) == (("abc",), "a window is shut")
    assert made.id == plan_id(plan(wanted, comparison, HOOKS), comparison)


def test_a_change_is_shown_field_by_field() -> None:
    wanted = want(a_config_map("settings", {"colour": "green", "size": "1"}))
    item = changed(wanted.objects[0], {"data": {"colour": "red", "size": "1"}}, ("data.colour",))
    comparison = Comparison({item.key: item}, wanted.digest, wanted)
    (step,) = plan_view(plan(wanted, comparison, HOOKS), comparison).stages[0].steps
    assert step.why == "git and the cluster differ at data.colour"
    assert step.differences is not None
    assert [(field.path, field.live.value, field.desired.value) for field in step.differences.fields] == [
        ("data.colour", "red", "green")
    ]


def test_of_many_differences_the_reason_names_the_first() -> None:
    wanted = want(a_config_map())
    item = changed(wanted.objects[0], {}, tuple("abcde"))
    comparison = Comparison({item.key: item}, wanted.digest, wanted)
    (step,) = plan_view(plan(wanted, comparison, HOOKS), comparison).stages[0].steps
    assert step.why == "git and the cluster differ at a, b, c and 2 more"


def test_S4_values_of_secrets_and_masked_annotations_are_not_shown() -> None:
    wanted = want(
        an_object("Secret", "token", data={"key": "bmV3LXZhbHVl"}),
        a_config_map("settings", annotations={"team/pass": "new-value"}),
    )
    secret, settings = wanted.objects
    before: JsonObject = {"metadata": {"name": "settings", "annotations": {"team/pass": "old-value"}}}
    items = [changed(secret, {"data": {"key": "b2xkLXZhbHVl"}}, ("data.key",)), changed(settings, before)]
    comparison = Comparison({item.key: item for item in items}, wanted.digest, wanted)
    made = plan_view(plan(wanted, comparison, HOOKS), comparison, masked={"team/pass"})
    differences = [step.differences for stage in made.stages for step in stage.steps]
    values = [
        str(value) for each in differences if each for field in each.fields for value in (field.live, field.desired)
    ]
    assert len(values) >= 4
    assert not any(word in text for text in values for word in ("bmV3", "b2xk", "new-value", "old-value"))


def test_what_is_made_anew_says_so_beforehand() -> None:
    wanted = want(a_deployment())
    comparison = judged(wanted, Verdict.REFUSED, REFUSAL)
    options = PlanOptions(on_immutable=OnImmutable.RECREATE)
    (step,) = plan_view(plan(wanted, comparison, options), comparison).stages[0].steps
    assert (step.action, step.differences) == ("recreate", None)
    assert step.why == f"git and the cluster differ at spec; it cannot be changed in place: {REFUSAL}"


def test_what_will_fail_says_so_beforehand() -> None:
    wanted = want(a_deployment())
    comparison = judged(wanted, Verdict.REFUSED, REFUSAL)
    (step,) = plan_view(plan(wanted, comparison, PlanOptions()), comparison).stages[0].steps
    assert (step.action, step.why) == ("apply", f"the API server refused its dry-run: {REFUSAL}")


def test_a_job_that_runs_at_each_sync_says_so() -> None:
    wanted = want(a_job(options="Force=true,Replace=true"))
    comparison = judged(wanted, Verdict.SYNCED)
    (step,) = plan_view(plan(wanted, comparison, PlanOptions()), comparison).stages[0].steps
    assert (step.action, step.why) == ("recreate", "it is a Job that runs at each sync; Replace=true and Force=true")


def test_a_deletion_that_waits_for_somebody_says_so_and_what_stays_is_named() -> None:
    marks = {"argocd.argoproj.io/sync-options": "Prune=confirm"}
    extra = want(a_config_map("asked", annotations=marks), a_namespace("team"))
    comparison = compare(want(), live(*map(live_of, extra.objects)))
    made = plan_view(plan(want(), comparison, PlanOptions(prune=True, request=SyncRequest())), comparison)
    assert seen(made) == [
        (1, "Sync", 0, "prune", "asked", "it left git; it waits until somebody confirms (Prune=confirm)")
    ]
    assert {key.name for key in made.held} == {key.name for key in made.kept} == {"team"}


def test_the_namespace_that_is_asked_for_says_so() -> None:
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    wanted = want(spec=spec)
    namespace = managed_namespace(spec, wanted)
    assert namespace is not None
    missing = ObjectComparison(namespace.key, namespace, None, Verdict.MISSING)
    comparison = compare(wanted, live())
    (step,) = plan_view(plan(wanted, comparison, PlanOptions(), missing), comparison).stages[0].steps
    assert (step.key.name, step.why) == ("shop", "CreateNamespace=true asks for it")
