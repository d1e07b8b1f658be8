"""What holds for every plan, whatever the objects, hooks, options and their mixture."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.annotations import HOOK, SYNC_OPTIONS, SYNC_WAVE
from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanOptions, PlanReason, PruneStep, Way
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import HEALING, ObjectFilter, SyncRequest
from gitopsd.core.waves import PHASES
from gitopsd.testing.builders import a_config_map, a_definition, a_deployment, a_namespace, an_instance, an_object
from tests.core.making import live_body, want
from tests.core.planning import a_job

IMMUTABLE = "spec: Forbidden: field is immutable"
OPTIONS = st.sampled_from(
    ["", "Prune=false", "Prune=confirm", "Prune:no", "PruneLast=true", "Replace=true", "Force=true,Replace=true"]
)
WAVES = st.integers(-2, 2)


def marked(body: JsonObject, wave: int, options: str, phases: str) -> JsonObject:
    marks = {SYNC_WAVE: str(wave)} | ({SYNC_OPTIONS: options} if options else {}) | ({HOOK: phases} if phases else {})
    return {**body, "metadata": {**mapping(body, "metadata"), "annotations": marks}}


OBJECTS = st.one_of(
    st.builds(a_config_map, st.sampled_from("abc"), namespace=st.sampled_from(["", "team"])),
    st.builds(a_deployment, st.sampled_from("abc")),
    st.builds(a_job, st.sampled_from("abc")),
    st.builds(a_namespace, st.sampled_from(["team", "default"])),
    st.builds(an_instance, st.sampled_from("abc"), namespace=st.just("team")),
    st.builds(a_definition),
    st.just(an_object("PersistentVolumeClaim", "data", spec={})),
)
HOOKS = st.builds(
    marked,
    st.builds(lambda name: an_object("Job", f"hook-{name}", api_version="batch/v1"), st.sampled_from("abc")),
    WAVES,
    st.just(""),
    st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync", "PreDelete"]),
)
BODIES = st.lists(st.one_of(st.builds(marked, OBJECTS, WAVES, OPTIONS, st.just("")), HOOKS), max_size=14)
REQUESTS = st.sampled_from(
    [
        SyncRequest(),
        SyncRequest(confirmed=True),
        SyncRequest(force=True),
        HEALING,
        SyncRequest(resources=(ObjectFilter(kind="ConfigMap"), ObjectFilter(name="a"))),
    ]
)
MADE = st.builds(
    PlanOptions,
    prune=st.booleans(),
    prune_last=st.booleans(),
    request=REQUESTS,
    options=st.sampled_from([{}, {"Replace": "true"}, {"Force": "true", "Replace": "true"}, {"Prune": "false"}]),
    on_immutable=st.sampled_from([None, *OnImmutable]),
    prune_limit=st.sampled_from([0.0, 0.5, 1.0]),
    hooks=st.booleans(),
    suffix=st.just("abc-1"),
)


@dataclass(frozen=True)
class World:
    """What git wants, what left it, and what a comparison said of both."""

    wanted: Desired
    comparison: Comparison


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return objects of all verdicts, and some that left git."""
    wanted, left = want(*draw(BODIES)), want(*draw(BODIES))
    items: list[ObjectComparison] = []
    for item in wanted.objects:
        verdict = draw(st.sampled_from([Verdict.SYNCED, Verdict.CHANGED, Verdict.MISSING, Verdict.REFUSED]))
        there = None if verdict is Verdict.MISSING else live_body(item, item.document.body())
        error = draw(st.sampled_from([IMMUTABLE, "no"])) if verdict is Verdict.REFUSED else ""
        items.append(ObjectComparison(item.key, item, there, verdict, error=error))
    known = {item.key for item in items}
    for item in left.objects:
        if item.key not in known:
            status: JsonObject = {"status": {"phase": draw(st.sampled_from(["Bound", "Pending"]))}}
            there = live_body(item, {**item.document.body(), **status}, deleting=draw(st.booleans()))
            items.append(ObjectComparison(item.key, None, there, Verdict.EXTRA))
    return World(wanted, Comparison({item.key: item for item in items}, wanted.digest, wanted))


def stage_of(made: Plan) -> Mapping[ObjectKey, int]:
    return {
        step.key: number
        for number, stage in enumerate(made.stages)
        for step in (*stage.prunes, *(step for group in stage.groups for step in group))
        if not isinstance(step, HookStep)
    }


@given(worlds(), MADE)
def test_whatever_differs_is_in_exactly_one_stage_or_stays_with_a_reason(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    steps = Counter(step.key for step in made.steps() if not isinstance(step, HookStep))
    assert all(count == 1 for count in steps.values())
    assert not steps.keys() & made.skipped.keys()
    for key, item in world.comparison.objects.items():
        if not options.request.selects(key, {}):
            assert key not in steps
        elif item.verdict in (Verdict.MISSING, Verdict.CHANGED, Verdict.REFUSED):
            assert key in steps
        elif item.verdict is Verdict.EXTRA and item.live is not None and not item.live.deleting:
            assert (key in steps) is not (key in made.skipped)
            assert made.skipped.get(key, "?")
    again = {step.key for step in made.steps() if isinstance(step, ApplyStep) and step.reason is PlanReason.EACH_SYNC}
    assert all(key.kind == "Job" and world.comparison.objects[key].verdict is Verdict.SYNCED for key in again)


@given(worlds(), MADE)
def test_phases_and_waves_never_go_back(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    places = [(PHASES.index(stage.phase), stage.wave) for stage in made.stages]
    assert places == sorted(places)
    for stage in made.stages:
        for group in stage.groups:
            for step in group:
                assert not isinstance(step, HookStep) or step.phase is stage.phase
        assert stage.phase is SyncPhase.SYNC or not stage.prunes
    assert [stage.wave for stage in made.failing] == sorted({stage.wave for stage in made.failing})
    assert all(stage.phase is SyncPhase.SYNC_FAIL for stage in made.failing)


@given(worlds(), MADE)
def test_what_others_need_comes_before_them(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    order = [(number, step) for number, stage in enumerate(made.stages) for group in stage.groups for step in group]
    places = {step.key: (number, at) for at, (number, step) in enumerate(order) if isinstance(step, ApplyStep)}
    definition = ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.org")
    for at, (number, step) in enumerate(order):
        namespace = ObjectKey("", "Namespace", "", step.key.namespace)
        assert namespace not in places or places[namespace] < (number, at)
        if step.key.kind == "Widget" and definition in places:
            assert places[definition][0] < number
            assert definition in made.stages[places[definition][0]].waits_for


@given(worlds(), MADE)
def test_what_was_applied_later_is_pruned_earlier(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    places = stage_of(made)

    def wave(there: LiveObject) -> int:
        return int(str(mapping(there.document.body(), "metadata", "annotations")[SYNC_WAVE]))

    def last(there: LiveObject) -> bool:
        written = str(mapping(there.document.body(), "metadata", "annotations").get(SYNC_OPTIONS, ""))
        return options.prune_last or "PruneLast=true" in written

    steps = [step for step in made.steps() if isinstance(step, PruneStep)]
    for one in steps:
        for other in steps:
            if last(one.live) is last(other.live) and wave(one.live) > wave(other.live):
                assert places[one.key] <= places[other.key]
                assert steps.index(one) < steps.index(other)


@given(worlds(), MADE)
def test_nothing_that_is_guarded_or_shall_stay_is_ever_deleted(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    assert made.guarded <= made.skipped.keys()
    assert not (options.request.confirmed and made.guarded)
    pruned = [step for step in made.steps() if isinstance(step, PruneStep)]
    for step in pruned:
        written = str(mapping(step.live.document.body(), "metadata", "annotations").get(SYNC_OPTIONS, ""))
        assert options.prune
        assert world.comparison.objects[step.key].verdict is Verdict.EXTRA
        assert written not in ("Prune=false", "Prune:no")
        assert (
            options.request.confirmed or step.confirm or step.key.kind not in ("Namespace", "CustomResourceDefinition")
        )
        assert options.request.confirmed or step.confirm is (written == "Prune=confirm")
    for item in made.steps():
        if isinstance(item, ApplyStep) and item.way is Way.RECREATE:
            live = world.comparison.objects[item.key].live
            assert live is not None
            assert item.replaces == live.uid
            assert item.why_anew
            assert item.key.kind not in ("Namespace", "CustomResourceDefinition")


@given(worlds(), MADE)
def test_hooks_run_once_in_each_of_their_phases_or_not_at_all(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    runs = Counter((step.phase, step.key) for step in made.steps() if isinstance(step, HookStep))
    expected = {(phase, hook.key) for hook in world.wanted.hooks for phase in hook.phases if phase in PHASES}
    assert runs.keys() == (expected if options.runs_hooks else set())
    assert all(count == 1 for count in runs.values())
    failing = {step.key for stage in made.failing for step in stage.hooks}
    assert failing == {
        hook.key for hook in world.wanted.hooks if options.runs_hooks and SyncPhase.SYNC_FAIL in hook.phases
    }


@given(worlds(), MADE)
def test_all_stages_wait_or_there_is_only_one(world: World, options: PlanOptions) -> None:
    made = plan(world.wanted, world.comparison, options)
    wanted = {item.key for item in world.wanted.objects}
    waited = [key for stage in made.stages for key in stage.waits_for]
    assert set(waited) <= wanted
    if len(made.stages) == 1 and not made.stages[0].hooks:
        assert waited == []
    elif len(made.stages) > 1:
        applied = {step.key for step in made.steps() if isinstance(step, ApplyStep)}
        assert applied <= set(waited)
    first = next((at for at, stage in enumerate(made.stages) if stage.phase is SyncPhase.POST_SYNC), None)
    if first is not None and not options.request.selective:
        assert not wanted or set(made.stages[first - 1].waits_for) >= wanted


@given(worlds(), worlds(), MADE, MADE)
def test_equal_plans_have_equal_ids_and_others_have_others(
    one: World, other: World, first: PlanOptions, second: PlanOptions
) -> None:
    made = plan(one.wanted, one.comparison, first)
    assert plan_id(made, one.comparison) == plan_id(plan(one.wanted, one.comparison, first), one.comparison)
    changed = plan(one.wanted, one.comparison, second)
    same = (made.stages, made.failing, made.skipped, made.guarded) == (
        changed.stages,
        changed.failing,
        changed.skipped,
        changed.guarded,
    )
    assert (plan_id(made, one.comparison) == plan_id(changed, one.comparison)) is same
    elsewhere = plan(other.wanted, other.comparison, first)
    if {step.key for step in made.steps()} != {step.key for step in elsewhere.steps()}:
        assert plan_id(made, one.comparison) != plan_id(elsewhere, other.comparison)
