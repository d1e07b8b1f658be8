"""A plan as people see it."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare, compare_namespace
from gitopsd.core.desired import managed_namespace
from gitopsd.core.document import Document, canonical
from gitopsd.core.fieldpath import parse_path
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import NO_RULES, CompareRules
from gitopsd.core.plan import PlanOptions
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.planview import PlanView, plan_view
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_deployment, a_namespace, an_app, an_object
from gitopsd.testing.objects import Objects
from tests.core.making import live, live_body, live_of, want
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


def set_beside(item: DesiredObject, data: JsonObject, **metadata: JsonValue) -> ObjectComparison:
    """Return the comparison of an object that was applied with `{"value": "1"}`, in which somebody then set `data` and
    `metadata`, and of which git now wants another value.
    """
    objects = Objects()
    objects.bodies[item.key] = objects.applied(item.key, {**item.document.body(), "data": {"value": "1"}}, item.gvk)
    body = deepcopy(objects.bodies[item.key])
    body["data"] |= data
    for part, more in metadata.items():
        body["metadata"][part] = {**body["metadata"].get(part, {}), **more} if isinstance(more, Mapping) else more
    objects.bodies[item.key] = objects.edited(item.key, body)
    there = live_body(item, objects.bodies[item.key])
    predicted = Document(canonical(objects.applied(item.key, item.document.body(), item.gvk)))
    return ObjectComparison(item.key, item, there, Verdict.CHANGED, ("data.value",), predicted=predicted)


def fields_of(
    item: ObjectComparison, options: PlanOptions, *, respects: bool = False, rules: CompareRules = NO_RULES
) -> set[str]:
    """Return the fields that the plan's only step changes, those that go with a minus."""
    assert item.desired is not None
    wanted = Desired(objects=(item.desired,), digest="d")
    comparison = Comparison({item.key: item}, "d", wanted, rules)
    (step,) = plan_view(plan(wanted, comparison, options), comparison, respects=respects).stages[0].steps
    assert step.differences is not None
    return {f"{'' if field.desired.present else '-'}{field.path}" for field in step.differences.fields}


def in_the_way() -> ObjectComparison:
    """Return that of a ConfigMap to which others added a label, an annotation, a key and a finalizer."""
    return set_beside(
        want(a_config_map("own", {"value": "2"})).objects[0],
        {"runtime": "x"},
        labels={"cost": "7"},
        annotations={"lb/id": "i-1"},
        finalizers=["example.org/keep"],
    )


REPLACING = PlanOptions(options={"Replace": "true"})


def test_what_a_replacement_does_away_with_is_shown() -> None:
    item = in_the_way()
    assert fields_of(item, PlanOptions()) == {"data.value"}
    assert fields_of(item, REPLACING) == {
        "data.value",
        "-data.runtime",
        "-metadata.labels.cost",
        '-metadata.annotations["lb/id"]',
    }


def test_what_is_made_anew_loses_its_finalizers_too() -> None:
    item = in_the_way()
    anew = PlanOptions(options={"Replace": "true", "Force": "true"})
    assert fields_of(item, anew) == fields_of(item, REPLACING) | {"-metadata.finalizers[0]"}


def test_a_replacement_keeps_ignored_fields_that_are_respected() -> None:
    item = set_beside(want(a_config_map("own", {"value": "2"})).objects[0], {"runtime": "x"})
    rules = CompareRules((IgnoreRule(KindPattern("", "ConfigMap"), paths=(parse_path("data.runtime"),)),))
    assert fields_of(item, REPLACING, rules=rules) == {"data.value", "-data.runtime"}
    assert fields_of(item, REPLACING, rules=rules, respects=True) == {"data.value"}


def test_S4_a_replacement_shows_no_value_of_a_secret_that_it_does_away_with() -> None:
    secret = want(an_object("Secret", "own", data={"value": "Mg=="})).objects[0]
    item = set_beside(secret, {"runtime": "aGlkZGVu"})
    comparison = Comparison({item.key: item})
    made = plan_view(plan(Desired(objects=(secret,), digest="d"), comparison, REPLACING), comparison)
    assert "data.runtime" in str(made)
    found = made.stages[0].steps[0].differences
    assert found is not None
    assert "aGlkZGVu" not in str(found.fields)


def test_of_what_cannot_be_changed_in_place_the_fields_are_shown_too() -> None:
    wanted = want(a_deployment(replicas=3))
    objects = Objects()
    before = want(a_deployment(replicas=1)).objects[0]
    there = live_body(before, objects.applied(before.key, before.document.body(), before.gvk))
    item = ObjectComparison(before.key, wanted.objects[0], there, Verdict.REFUSED, (), REFUSAL)
    assert fields_of(item, PlanOptions(on_immutable=OnImmutable.RECREATE)) == {"spec.replicas"}


def test_what_changes_of_the_namespace_that_is_asked_for_is_shown_field_by_field() -> None:
    labels = {"team": "x", "level": "baseline"}
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    spec = replace(spec, sync_policy=replace(spec.sync_policy, namespace_labels=labels))
    wanted = want(spec=spec)
    namespace = managed_namespace(spec, wanted)
    assert namespace is not None
    objects = Objects()
    before = an_object("Namespace", "shop", labels={"team": "x", "gone": "1"})
    objects.bodies[namespace.key] = objects.applied(namespace.key, before, namespace.gvk)
    body = deepcopy(objects.bodies[namespace.key])
    body["metadata"]["labels"] |= {"team": "other", "mine": "1"}
    there = live_body(namespace, objects.edited(namespace.key, body), owner="")
    item = compare_namespace(namespace, there)
    assert set(item.changes) == {"metadata.labels.gone", "metadata.labels.level", "metadata.labels.team"}
    made = plan_view(
        plan(wanted, compare(wanted, live()), PlanOptions(), item), compare(wanted, live()), namespace=item
    )
    found = made.stages[0].steps[0].differences
    assert found is not None
    assert [(each.path, each.live.value, each.desired.value) for each in found.fields] == [
        ("metadata.labels.gone", "1", None),
        ("metadata.labels.level", None, "baseline"),
        ("metadata.labels.team", "other", "x"),
    ]
