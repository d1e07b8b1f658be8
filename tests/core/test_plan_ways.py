"""How an object is written: applied, replaced, or made anew."""

from dataclasses import replace

import pytest

from gitopsd.core.annotations import ON_IMMUTABLE
from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.plan import ApplyStep, PlanOptions, PlanReason, Way
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import HEALING, ObjectFilter, SyncRequest
from gitopsd.testing.builders import a_config_map, a_definition, a_deployment, a_namespace, an_object
from tests.core.making import live_body, want
from tests.core.planning import a_job, planned

IMMUTABLE = (
    "cluster local, apps/Deployment default/web: the API server refused to apply it: a field cannot be changed: "
    "spec.template: field is immutable. Try: correct it"
)
REASON = "spec.template: field is immutable"
INVALID = "shop: it is not valid: spec.replicas: Invalid value: -1: must be positive"
NOBODY = PlanOptions()
ANEW = ("batch/Job default/load", Way.RECREATE)


def the_step(
    body: JsonObject, verdict: Verdict = Verdict.CHANGED, error: str = "", options: PlanOptions = NOBODY
) -> ApplyStep:
    """Return the only step of the plan for one object."""
    (step,) = planned(body, options=options, verdict=verdict, error=error).steps()
    assert isinstance(step, ApplyStep)
    return step


def marked(written: str) -> JsonObject:
    return a_config_map(annotations={"argocd.argoproj.io/sync-options": written})


@pytest.mark.parametrize(
    ("own", "everywhere", "way", "force", "validate"),
    [
        ("", {}, Way.APPLY, False, True),
        ("Replace=true", {}, Way.REPLACE, False, True),
        ("", {"Replace": "true"}, Way.REPLACE, False, True),
        ("Replace=false", {"Replace": "true"}, Way.APPLY, False, True),
        ("Force=true", {}, Way.APPLY, True, True),
        ("Force=false", {"Force": "true"}, Way.APPLY, False, True),
        ("Force=true,Replace=true", {}, Way.RECREATE, False, True),
        ("Force=true", {"Replace": "true"}, Way.RECREATE, False, True),
        ("Validate=false", {}, Way.APPLY, False, False),
        ("Validate=true", {"Validate": "false"}, Way.APPLY, False, True),
        ("ServerSideApply=false,ApplyOutOfSyncOnly=true", {}, Way.APPLY, False, True),
    ],
)
def test_an_objects_own_options_go_before_the_applications(
    own: str, everywhere: dict[str, str], way: Way, force: bool, validate: bool
) -> None:
    step = the_step(marked(own), options=PlanOptions(options=everywhere))
    assert (step.way, step.force, step.validate) == (way, force, validate)


def test_what_is_made_anew_says_why_and_which_object_goes() -> None:
    step = the_step(marked("Force=true,Replace=true"))
    assert step.why_anew == "Replace=true and Force=true"
    assert step.replaces == "uid-settings"


def test_what_is_missing_is_never_made_anew() -> None:
    step = the_step(marked("Force=true,Replace=true"), Verdict.MISSING)
    assert (step.way, step.replaces, step.force) == (Way.REPLACE, "", False)


@pytest.mark.parametrize("body", [a_definition(), a_namespace("team")])
def test_definitions_and_namespaces_are_replaced_in_place(body: JsonObject) -> None:
    everything = PlanOptions(
        options={"Replace": "true", "Force": "true"},
        on_immutable=OnImmutable.RECREATE,
        request=SyncRequest(confirmed=True, force=True),
    )
    for verdict in (Verdict.CHANGED, Verdict.REFUSED):
        step = the_step(body, verdict, IMMUTABLE, everything)
        assert (step.way, step.force, step.replaces) == (Way.REPLACE, False, "")


@pytest.mark.parametrize(
    ("own", "everywhere", "error", "way"),
    [
        ("", None, IMMUTABLE, Way.APPLY),
        ("", OnImmutable.RECREATE, IMMUTABLE, Way.RECREATE),
        ("recreate", None, IMMUTABLE, Way.RECREATE),
        ("recreate", OnImmutable.FAIL, IMMUTABLE, Way.RECREATE),
        ("fail", OnImmutable.RECREATE, IMMUTABLE, Way.APPLY),
        ("Recreate!", OnImmutable.RECREATE, IMMUTABLE, Way.APPLY),
        ("recreate", OnImmutable.RECREATE, INVALID, Way.APPLY),
    ],
)
def test_a_field_that_cannot_be_changed_is_met_as_the_object_or_the_application_says(
    own: str, everywhere: OnImmutable | None, error: str, way: Way
) -> None:
    body = a_deployment(annotations={ON_IMMUTABLE: own} if own else {})
    step = the_step(body, Verdict.REFUSED, error, PlanOptions(on_immutable=everywhere))
    assert step.way is way
    assert step.why_anew == (f"it cannot be changed in place: {REASON}" if way is Way.RECREATE else "")
    assert step.replaces == ("uid-web" if way is Way.RECREATE else "")


@pytest.mark.parametrize(
    ("everywhere", "way"),
    [(None, Way.RECREATE), (OnImmutable.FAIL, Way.APPLY), (OnImmutable.RECREATE, Way.RECREATE)],
)
def test_jobs_are_made_anew_unless_somebody_says_otherwise(everywhere: OnImmutable | None, way: Way) -> None:
    assert the_step(a_job(), Verdict.REFUSED, IMMUTABLE, PlanOptions(on_immutable=everywhere)).way is way


def test_force_makes_anew_what_cannot_be_changed_in_place() -> None:
    assert (
        the_step(a_deployment(), Verdict.REFUSED, IMMUTABLE, PlanOptions(options={"Force": "true"})).way is Way.RECREATE
    )
    asked = PlanOptions(request=SyncRequest(force=True))
    assert the_step(a_deployment(), Verdict.REFUSED, IMMUTABLE, asked).way is Way.RECREATE
    assert the_step(a_deployment(), Verdict.CHANGED, "", asked).force


def test_an_objects_word_against_force_goes_before_the_requests() -> None:
    asked = PlanOptions(request=SyncRequest(force=True))
    assert not the_step(marked("Force=false"), options=asked).force


@pytest.mark.parametrize(("confirmed", "forces"), [(True, True), (False, False)])
def test_a_bound_claim_is_forced_only_when_somebody_confirms(confirmed: bool, forces: bool) -> None:
    wanted = want(an_object("PersistentVolumeClaim", "data", spec={}))
    claim = wanted.objects[0]
    there = live_body(claim, {**claim.document.body(), "status": {"phase": "Bound"}})
    item = ObjectComparison(claim.key, claim, there, Verdict.CHANGED)
    options = PlanOptions(options={"Force": "true"}, request=SyncRequest(confirmed=confirmed))
    (step,) = plan(wanted, Comparison({item.key: item}), options).steps()
    assert isinstance(step, ApplyStep)
    assert step.force is forces


BOTH = "Force=true,Replace=true"


@pytest.mark.parametrize(
    ("options", "request_", "runs"),
    [
        (BOTH, SyncRequest(), True),
        (BOTH, HEALING, False),
        (BOTH, SyncRequest(resources=(ObjectFilter(name="other"),)), False),
        (BOTH, SyncRequest(resources=(ObjectFilter(name="load"),)), True),
        ("Replace=true", SyncRequest(), False),
        ("Replace=true", SyncRequest(force=True), True),
        ("Force=true", SyncRequest(), False),
    ],
)
def test_a_job_with_force_and_replace_runs_at_each_sync(options: str, request_: SyncRequest, runs: bool) -> None:
    made = planned(a_job(options=options), verdict=Verdict.SYNCED, options=PlanOptions(request=request_))
    steps = [(step.reason, step.way, step.replaces) for step in made.steps() if isinstance(step, ApplyStep)]
    assert steps == ([(PlanReason.EACH_SYNC, Way.RECREATE, "uid-load")] if runs else [])


def test_other_kinds_with_force_and_replace_are_left_alone_when_they_are_synced() -> None:
    assert planned(marked(BOTH), verdict=Verdict.SYNCED).empty


@pytest.mark.parametrize("phase", ["Bound", "Pending"])
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_bound_claim_is_made_anew_only_when_somebody_confirms(phase: str, confirmed: bool) -> None:
    wanted = want(an_object("PersistentVolumeClaim", "data", spec={}))
    claim = wanted.objects[0]
    there = live_body(claim, {**claim.document.body(), "status": {"phase": phase}})
    item = ObjectComparison(claim.key, claim, there, Verdict.REFUSED, error=IMMUTABLE)
    options = PlanOptions(on_immutable=OnImmutable.RECREATE, request=SyncRequest(confirmed=confirmed))
    for each in (options, replace(options, on_immutable=None, options={"Replace": "true", "Force": "true"})):
        (step,) = plan(wanted, Comparison({item.key: item}), each).steps()
        assert isinstance(step, ApplyStep)
        held = phase == "Bound" and not confirmed
        assert (step.way is Way.RECREATE) is not held
        assert not step.force
        assert ("unless somebody confirms" in step.why_anew) is held
