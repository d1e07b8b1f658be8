"""What is deleted with an application: order, exceptions, hooks, confirmations, and how a deletion stands."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.annotations import DELETION_APPROVED, HELM_RESOURCE_POLICY, HOOK, SYNC_OPTIONS
from gitopsd.core.app import AppSpec, Dependency, Destination, SyncPolicy, Tracking, TrackingMethod
from gitopsd.core.claims import Claims
from gitopsd.core.deletion import (
    Delete,
    Fail,
    Finish,
    Move,
    Scene,
    abandoned,
    looks,
    next_move,
    operation_id,
    retried,
)
from gitopsd.core.deletion_guard import too_many
from gitopsd.core.deletion_held import held
from gitopsd.core.deletion_plan import DeletionPlan, deletion_hooks, deletion_plan, hook_steps, hooks_only
from gitopsd.core.deletion_record import (
    RESTORED,
    Reach,
    approved,
    armed,
    asked_of,
    began,
    cascade_of,
    dependencies_of,
    reach_of,
    reaching,
    same_arm,
    spec_digest,
    spec_of,
    with_asked,
)
from gitopsd.core.health.status import degraded
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.operation import HookId, HookRun
from gitopsd.core.progress import Run, Sight, Wait
from gitopsd.core.project import Project, Projects
from gitopsd.core.unreadable import KindPlace, Unreadable
from gitopsd.testing.builders import a_config_map, a_definition, a_deployment, an_app, an_instance, an_object
from tests.core.making import APP, live, live_body, live_of, want

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def a_deletion(spec: AppSpec = APP, cascade: str = "foreground") -> Deletion:
    return began(spec, cascade, NOW)


def lives(*bodies: JsonObject, owner: str = "guestbook") -> Live:
    return live(*(live_of(one, owner=owner) for one in want(*bodies).objects))


def a_scene(plan: DeletionPlan, there: Live, **more: object) -> Scene:
    return Scene(plan, Sight(there, {}, NOW), **more)  # type: ignore[arg-type]  # each test names fields of Scene


def moved(deletion: Deletion, there: Live, spec: AppSpec = APP) -> tuple[Deletion, Move]:
    return next_move(deletion, a_scene(deletion_plan(spec, there), there))


def deleting(one: LiveObject, *finalizers: str, since: str = "2030-01-01T11:58:00Z") -> LiveObject:
    body = one.document.body()
    metadata = body["metadata"]
    assert isinstance(metadata, Mapping)
    marked = {**metadata, "deletionTimestamp": since, "finalizers": list(finalizers)}
    wanted = next(iter(want(body).objects))
    return replace(live_body(wanted, {**body, "metadata": marked}, deleting=True), uid=one.uid)


# Which objects go, and in which order


def test_later_waves_go_first_and_kinds_in_the_reverse_of_their_order() -> None:
    there = lives(
        a_config_map("first", wave=-1),
        a_deployment("web"),
        a_config_map("settings"),
        an_object("Service", "last", wave=3),
    )

    plan = deletion_plan(APP, there)

    assert [[one.key.name for one in step] for step in plan.steps] == [["last"], ["web", "settings"], ["first"]]


def test_custom_objects_go_before_what_may_take_care_of_them() -> None:
    there = lives(a_deployment("operator"), an_instance("first"))

    plan = deletion_plan(APP, there)

    assert [[one.key.kind for one in step] for step in plan.steps] == [["Widget"], ["Deployment"]]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (a_config_map(annotations={SYNC_OPTIONS: "Delete=false"}), "Delete=false"),
        (a_config_map(annotations={SYNC_OPTIONS: "Prune=true, Delete=no"}), "its sync options say 'Delete=no'"),
        (a_config_map(annotations={SYNC_OPTIONS: "Delete= false"}), "Delete=false"),
        (a_config_map(annotations={SYNC_OPTIONS: "Delete:false"}), "its sync options say 'Delete:false'"),
        (a_config_map(annotations={HELM_RESOURCE_POLICY: "keep"}), "helm.sh/resource-policy: keep"),
        (a_definition(), "a CustomResourceDefinition is never deleted with an application"),
    ],
)
def test_objects_that_shall_stay_stay_and_are_named(body: JsonObject, reason: str) -> None:
    there = lives(body)

    deletion, move = moved(a_deletion(), there)

    assert deletion_plan(APP, there).steps == ()
    assert isinstance(move, Finish)
    assert list(deletion.kept) == [str(key) for key in there.objects]
    assert next(iter(deletion.kept.values())).startswith(reason)
    assert "1 stay" in deletion.message


def test_the_applications_own_delete_option_counts_where_an_object_says_nothing() -> None:
    spec = replace(APP, sync_policy=SyncPolicy(options={"Delete": "false"}))
    there = lives(a_config_map("one"), a_config_map("two", annotations={SYNC_OPTIONS: "Delete=true"}))

    plan = deletion_plan(spec, there)

    assert [one.key.name for step in plan.steps for one in step] == ["two"]
    assert [key.name for key in plan.kept] == ["one"]


def test_what_is_not_tracked_as_its_own_is_never_touched() -> None:
    wanted = want(a_config_map("copy"), a_config_map("theirs"), a_config_map("nobodys"), a_config_map("elsewhere"))
    copy, theirs, nobodys, elsewhere = wanted.objects
    there = live(
        live_of(copy, copied=True),
        live_of(theirs, owner="other"),
        live_of(nobodys, owner=""),
        replace(live_of(elsewhere, owner=""), foreign="guestbook of installation b"),
    )

    plan = deletion_plan(APP, there)

    assert plan == DeletionPlan()


def test_an_object_that_another_application_wants_stays() -> None:
    there = lives(a_config_map("shared"))
    key = next(iter(there.objects))

    plan = deletion_plan(APP, there, claims=Claims({key: "other"}))

    assert plan.steps == ()
    assert plan.kept == {key: "application other wants it too"}


def test_R2_objects_that_the_project_does_not_permit_stay_and_are_named() -> None:
    projects = Projects({"closed": Project("closed", unenforced=("destinations",))})
    spec = replace(APP, project="closed")

    plan = deletion_plan(spec, lives(a_config_map()), projects=projects)

    assert plan.steps == ()
    assert [reason.startswith("project closed does not permit it") for reason in plan.kept.values()] == [True]


_WAVES = st.integers(-3, 3)
_OPTIONS = st.sampled_from(["", "Delete=false", "Delete=confirm", "Delete=true", "Prune=false", "Delete=No"])
_MADE = st.lists(
    st.tuples(
        st.sampled_from(["ConfigMap", "Service", "Secret"]),
        _WAVES,
        _OPTIONS,
        st.sampled_from(["guestbook", "other", ""]),
    ),
    max_size=12,
)


@given(_MADE)
def test_every_object_of_its_own_goes_once_or_is_named_and_waves_only_descend(
    made: list[tuple[str, int, str, str]],
) -> None:
    found: list[LiveObject] = []
    for number, (kind, wave, option, owner) in enumerate(made):
        body = an_object(kind, f"n{number}", wave=wave, annotations={SYNC_OPTIONS: option} if option else {})
        found.append(live_of(want(body).objects[0], owner=owner))

    plan = deletion_plan(APP, live(*found))

    gone = [one.key for step in plan.steps for one in step]
    own = {one.key for one in found if one.owner == "guestbook"}
    assert sorted([*gone, *plan.kept]) == sorted(own)
    waves = {one.key: wave for one, (_, wave, _, _) in zip(found, made, strict=True)}
    by_step = [{waves[one.key] for one in step} for step in plan.steps]
    assert all(len(step) == 1 for step in by_step)
    order = [step.pop() for step in by_step]
    assert order == sorted(set(order), reverse=True)
    says = {one.key: option for one, (_, _, option, _) in zip(found, made, strict=True)}
    assert all(says[key] not in ("Delete=false", "Delete=No") for key in gone)
    assert set(plan.asks) == {key for key in own if says[key] == "Delete=confirm"}


# What comes next


def test_a_wave_is_waited_for_before_the_next_is_deleted() -> None:
    there = lives(a_config_map("one", wave=1), a_config_map("zero"))
    deletion, first = moved(a_deletion(), there)
    assert isinstance(first, Delete)
    assert [one.key.name for group in first.groups for one in group] == ["one"]

    one, zero = there.objects.values()
    deletion, second = moved(deletion, live(deleting(one, "example.org/x"), zero))

    assert isinstance(second, Wait)
    assert second.message == "ConfigMap default/one is being deleted since 11:58 UTC, held by finalizer example.org/x"
    deletion, third = moved(deletion, live(zero))
    assert isinstance(third, Delete)
    deletion, last = moved(deletion, live())
    assert isinstance(last, Finish)
    assert deletion.done


def test_an_object_that_was_asked_to_go_is_not_asked_again_while_the_watch_is_late() -> None:
    there = lives(a_config_map("one"))
    plan = deletion_plan(APP, there)
    uid = next(iter(there.objects.values())).uid

    _, move = next_move(a_deletion(), a_scene(plan, there, asked={uid}))

    assert isinstance(move, Wait)


def test_nothing_goes_while_a_kind_cannot_be_read() -> None:
    hidden = Unreadable({KindPlace(GroupKind("example.org", "Widget")): "a webhook does not answer"})

    _, move = moved(a_deletion(), Live(lives(a_config_map()).objects, hidden))

    assert isinstance(move, Wait)
    assert "example.org/Widget" in move.message
    assert "a webhook does not answer" in move.message


def test_nothing_goes_while_a_namespace_is_not_looked_at_in_which_it_had_objects() -> None:
    narrowed = Unreadable(namespaces=frozenset({"default"}), elsewhere="the namespace is not looked at")
    there = Live(lives(a_config_map()).objects, narrowed)
    everywhere = reaching(a_deletion(), Reach(namespaces=frozenset({"default", "web"})))

    _, waits = moved(everywhere, there)
    _, goes_on = moved(reaching(a_deletion(), Reach(namespaces=frozenset({"default"}))), there)

    assert isinstance(waits, Wait)
    assert "nobody can say what there is of namespace web, so nothing is deleted" in waits.message
    assert "gitopsd app delete guestbook --cascade orphan" in waits.message
    assert not isinstance(goes_on, Wait)


def test_nothing_goes_while_a_namespace_cannot_be_read_where_more_of_it_could_be() -> None:
    hidden = Unreadable({KindPlace(GroupKind("", "ConfigMap"), "elsewhere"): "it may not be listed"})

    _, move = moved(a_deletion(), Live(lives(a_config_map()).objects, hidden))

    assert isinstance(move, Wait)
    assert "nobody can say what there is of ConfigMap in namespace elsewhere" in move.message


def test_nothing_begins_before_somebody_confirms_what_asks_for_it() -> None:
    there = lives(a_config_map("data", annotations={SYNC_OPTIONS: "Delete=confirm"}), a_config_map("other", wave=5))
    deletion, move = moved(a_deletion(), there)
    assert isinstance(move, Wait)
    assert "confirm the deletion of ConfigMap default/data (Delete=confirm)" in move.message
    assert deletion.phase is DeletionPhase.WAITING

    deletion, move = moved(replace(deletion, confirmed=True), there)

    assert isinstance(move, Delete)
    assert deletion.phase is DeletionPhase.DELETING


def test_a_deletion_of_many_at_once_is_held_until_somebody_confirms_and_that_confirms_nothing_else() -> None:
    there = lives(a_config_map("data", annotations={SYNC_OPTIONS: "Delete=confirm"}))
    deletion, move = moved(replace(a_deletion(), phase=DeletionPhase.HELD), there)
    assert isinstance(move, Wait)
    assert "left the configuration at once" in move.message

    deletion, move = moved(replace(deletion, confirmed=True), there)

    assert deletion.phase is DeletionPhase.WAITING
    assert isinstance(move, Wait)
    assert "Delete=confirm" in move.message


def test_a_deletion_from_a_backup_says_so_while_it_is_held() -> None:
    restored = replace(a_deletion(), phase=DeletionPhase.HELD, details={RESTORED: "2026-03-02 08:30 UTC"})
    deletion, move = moved(restored, lives(a_config_map("data")))
    assert isinstance(move, Wait)
    assert "the backup of 2026-03-02 08:30 UTC" in move.message
    assert "gitopsd app confirm-deletion" in move.message

    _, move = moved(replace(deletion, confirmed=True), lives(a_config_map("data")))

    assert isinstance(move, Delete)


def test_it_waits_for_those_that_depend_on_it() -> None:
    there = lives(a_config_map())

    deletion, move = next_move(a_deletion(), a_scene(deletion_plan(APP, there), there, dependants=(AppName("web"),)))

    assert isinstance(move, Wait)
    assert move.message == "waiting until web is gone, which depends on it"
    assert not looks(deletion, (AppName("web"),))


def test_orphaning_leaves_everything_and_looks_at_nothing() -> None:
    deletion = a_deletion(cascade="orphan")

    assert not looks(deletion)
    deletion, move = next_move(deletion, a_scene(DeletionPlan(), live()))

    assert isinstance(move, Finish)
    assert deletion.message == "its objects were left as they are"


@pytest.mark.parametrize(
    ("leaving", "known", "held"),
    [(3, 3, False), (4, 4, True), (4, 8, False), (5, 8, True), (4, 7, True), (0, 0, False)],
)
def test_leaving_is_an_accident_when_more_than_three_and_more_than_half_go(
    leaving: int, known: int, held: bool
) -> None:
    assert too_many(leaving, known) is held


# Hooks


def a_hook(
    name: str, phase: str = "PreDelete", *, kind: str = "Job", wave: int | None = None, **fields: str
) -> JsonObject:
    api = "batch/v1" if kind == "Job" else "v1"
    return an_object(kind, name, api_version=api, wave=wave, annotations={HOOK: phase, **fields})


def test_pre_delete_hooks_run_wave_by_wave_before_any_object_goes() -> None:
    wanted = want(a_hook("second", wave=1), a_hook("first"), a_hook("after", "PostDelete"), a_hook("sync", "PostSync"))
    hooks = deletion_hooks(wanted.hooks)
    assert {hook.key.name for hook in hooks} == {"first", "second", "after"}
    deletion, there = a_deletion(), lives(a_config_map())
    plan = deletion_plan(APP, there, hook_steps(deletion, hooks))
    assert [[step.key.name for step in stage.hooks] for stage in plan.before] == [["first"], ["second"]]

    deletion, move = next_move(deletion, a_scene(plan, there))

    assert isinstance(move, Run)
    assert [step.key.name for group in move.groups for step in group] == ["first"]
    assert deletion.phase is DeletionPhase.PRE_DELETE
    for name in ("first", "second"):
        deletion = with_run(deletion, name, HookOutcome.SUCCEEDED)
        deletion, move = next_move(deletion, a_scene(plan, there))
    assert isinstance(move, Delete)


def with_run(deletion: Deletion, name: str, outcome: HookOutcome, *, uid: str = "u") -> Deletion:
    item = HookId(SyncPhase.PRE_DELETE, ObjectKey("batch", "Job", "default", name))
    run = HookRun(NOW, uid, outcome, "it broke" if outcome is HookOutcome.FAILED else "")
    return replace(deletion, hooks={**deletion.hooks, item: run})


def test_a_pre_delete_hook_that_fails_keeps_everything_and_is_run_anew_when_it_is_tried_again() -> None:
    hooks = hook_steps(a_deletion(), want(a_hook("one"), a_hook("two")).hooks)
    there = lives(a_config_map())
    plan = deletion_plan(APP, there, hooks)
    deletion, _ = next_move(a_deletion(), a_scene(plan, there))
    deletion = with_run(with_run(deletion, "one", HookOutcome.FAILED), "two", HookOutcome.SUCCEEDED)

    deletion, move = next_move(deletion, a_scene(plan, there))

    assert isinstance(move, Fail)
    assert "it broke" in move.message
    again = retried(deletion)
    assert operation_id(again) == f"{deletion.id}-1"
    again, move = next_move(again, a_scene(plan, there))
    assert isinstance(move, Run)
    assert [step.key.name for group in move.groups for step in group] == ["one"]


def test_no_hook_begins_where_nobody_can_say_whether_its_object_is_there() -> None:
    deletion = a_deletion()
    plan = deletion_plan(APP, lives(), hook_steps(deletion, want(a_hook("bye")).hooks))
    jobs = GroupKind("batch", "Job")

    _, move = next_move(deletion, a_scene(plan, Live({}, Unreadable({KindPlace(jobs, "default"): "forbidden"}))))
    assert move == Wait(
        "nobody can say whether batch/Job default/bye is there already, so its hook is not run: "
        "batch/Job in namespace default cannot be read: forbidden; to leave all as it is: "
        "gitopsd app delete guestbook --cascade orphan"
    )
    _, move = next_move(deletion, a_scene(plan, Live({}, Unreadable({KindPlace(jobs, "elsewhere"): "forbidden"}))))
    assert isinstance(move, Run)


def test_a_hook_that_the_api_server_did_not_take_counts_as_of_the_same_attempt() -> None:
    deletion = with_run(a_deletion(), "one", HookOutcome.ERROR, uid="")

    assert operation_id(retried(deletion)) == operation_id(deletion)


def test_the_objects_of_its_own_hooks_are_not_deleted_as_objects_of_the_application() -> None:
    there = lives(a_config_map("of-a-hook", annotations={HOOK: "PostDelete"}))
    wanted = want(a_config_map("of-a-hook", annotations={HOOK: "PostDelete"})).hooks[0]
    there = live(live_of(wanted.object))

    assert deletion_plan(APP, there).steps == ()


def test_a_left_over_hook_of_a_sync_goes_with_the_application() -> None:
    wanted = want(a_hook("migrate", "PreSync")).hooks[0]

    plan = deletion_plan(APP, live(live_of(wanted.object)))

    assert [one.key.name for step in plan.steps for one in step] == ["migrate"]


def test_a_hook_has_the_same_generated_name_after_a_restart() -> None:
    body: JsonObject = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "bye-", "annotations": {HOOK: "PreDelete,PostDelete"}},
    }
    hooks, deletion = want(body).hooks, a_deletion()

    names = [step.key.name for step in hook_steps(deletion, hooks)]

    assert names == [step.key.name for step in hook_steps(deletion, hooks)]
    assert len(set(names)) == 2
    assert all(name.startswith("bye-") for name in names)


def test_hooks_are_kept_under_a_digest_of_their_own() -> None:
    one, other = want(a_hook("one")).hooks, want(a_hook("two")).hooks

    assert hooks_only(one).digest != hooks_only(other).digest
    assert hooks_only(one) == hooks_only([*one, *want(a_hook("sync", "Sync")).hooks])


def test_a_hook_that_is_degraded_fails_the_deletion() -> None:
    steps = hook_steps(a_deletion(), want(a_hook("one")).hooks)
    there = live(live_of(steps[0].hook.object))
    plan = deletion_plan(APP, there, steps)
    deletion = replace(
        with_run(a_deletion(), "one", HookOutcome.RUNNING, uid=there.objects[steps[0].key].uid),
        phase=DeletionPhase.PRE_DELETE,
    )
    sight = Sight(there, {steps[0].key: degraded("BackoffLimitExceeded")}, NOW)

    _, move = next_move(deletion, Scene(plan, sight))

    assert isinstance(move, Fail)
    assert "BackoffLimitExceeded" in move.message


# Why an object is still there


def test_every_finalizer_that_holds_an_object_is_named() -> None:
    one = deleting(live_of(want(a_config_map("one")).objects[0]), "example.org/x", "example.org/y")

    assert held(one).endswith("since 11:58 UTC, held by finalizers example.org/x, example.org/y")


def test_of_a_foreground_deletion_the_child_that_is_held_is_named() -> None:
    web = deleting(live_of(want(a_deployment("web")).objects[0]), "foregroundDeletion")
    child = deleting(live_of(want(a_config_map("child")).objects[0]), "example.org/x")

    assert held(web, (child,)).endswith("and waits for its ConfigMap default/child, held by finalizer example.org/x")
    assert held(web).endswith("and waits for what it owns")


def test_of_a_namespace_it_is_said_what_is_left_in_it() -> None:
    wanted = want(an_object("Namespace", "stuck")).objects[0]
    one = deleting(live_of(wanted))
    body: JsonObject = {
        **one.document.body(),
        "status": {
            "conditions": [
                {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all is known"},
                {
                    "type": "NamespaceFinalizersRemaining",
                    "status": "True",
                    "message": "Some content in the namespace has finalizers remaining: example.org/x in 1 resource",
                },
            ]
        },
    }

    sentence = held(live_body(wanted, body, deleting=True))

    assert "Namespace stuck is being deleted" in sentence
    assert "example.org/x in 1 resource" in sentence


# What is kept of an application


@pytest.mark.parametrize(
    ("finalizers", "cascade"),
    [
        ((), ""),
        (("example.org/other",), ""),
        (("resources-finalizer.argocd.argoproj.io",), "foreground"),
        (("resources-finalizer.argocd.argoproj.io/foreground",), "foreground"),
        (("example.org/other", "resources-finalizer.argocd.argoproj.io/background"), "background"),
    ],
)
def test_finalizers_say_how_the_objects_go(finalizers: tuple[str, ...], cascade: str) -> None:
    assert cascade_of(finalizers) == cascade


def test_a_deletion_needs_nothing_but_its_record() -> None:
    spec = replace(
        an_app("shop", namespace="web", project="team", options={"Delete": "confirm", "CreateNamespace": "true"}),
        tracking=Tracking(TrackingMethod.LABEL, "team/app", "b"),
        depends_on=(Dependency(AppName("database")), Dependency(gvk=GVK("", "v1", "Secret"), name="x")),
    )
    kinds = frozenset({GVK("apps", "v1", "Deployment"), GVK("", "v1", "Secret")})
    places = frozenset({"shop", "web"})

    deletion = reaching(began(spec, "background", NOW), Reach(kinds, places), "https://one.example.org")

    known = spec_of(deletion)
    assert (known.name, known.project, known.tracking) == (spec.name, spec.project, spec.tracking)
    assert known.destination == spec.destination
    assert known.sync_policy.options == {"Delete": "confirm"}
    assert reach_of(deletion) == (kinds, places)
    assert dependencies_of(deletion) == {"database"}
    assert deletion.details["server"] == "https://one.example.org"


def test_an_application_without_a_finalizer_is_not_armed() -> None:
    spec = replace(APP, finalizers=("resources-finalizer.argocd.argoproj.io",))

    assert armed(APP, NOW).phase is DeletionPhase.NONE
    assert armed(spec, NOW).phase is DeletionPhase.ARMED
    assert same_arm(armed(spec, NOW), armed(spec, NOW + timedelta(days=1)))
    assert not same_arm(armed(spec, NOW), armed(replace(spec, project="other"), NOW))


def test_a_spec_is_another_by_what_its_owner_wrote_and_not_by_where() -> None:
    moved_down = replace(APP, position=Position("gitopsd.yaml", 99, 1))
    approval = replace(APP, annotations={DELETION_APPROVED: "2030-01-01T00:00:00Z"})

    assert spec_digest(APP) == spec_digest(moved_down) == spec_digest(approval)
    elsewhere = replace(APP, tracking=Tracking(installation="other"), unsupported=("ignoreThat",))
    assert spec_digest(APP) == spec_digest(elsewhere), "what rests comes back because of its entry alone"
    assert spec_digest(APP) != spec_digest(replace(APP, destination=Destination(name="other", namespace="default")))
    assert spec_digest(APP) != spec_digest(replace(APP, sync_policy=SyncPolicy(options={"Delete": "false"})))


@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ("2030-01-01T12:00:01Z", True),
        ("2030-01-01T12:00:01", True),
        ("2030-01-01T11:59:59Z", False),
        ("yes", False),
        ("", False),
    ],
)
def test_an_approval_counts_if_it_is_later_than_the_deletion(written: str, counts: bool) -> None:
    spec = replace(APP, annotations={DELETION_APPROVED: written})

    assert approved(spec, a_deletion()) is counts


def test_what_is_given_up_says_why_and_that_the_objects_stay() -> None:
    deletion = abandoned(a_deletion(), "cluster far is not known")

    assert deletion.done
    assert deletion.message == "given up: cluster far is not known; its objects stay"


def test_of_what_was_deleted_before_the_first_are_named_and_the_others_counted() -> None:
    keys = [ObjectKey("", "ConfigMap", "default", f"c{number}") for number in range(5)]
    deletion = with_asked(with_asked(a_deletion(), keys[:2]), keys[2:])
    assert asked_of(deletion) == (5, [f"ConfigMap default/c{number}" for number in range(5)])
    over, move = moved(replace(deletion, cascade="orphan"), lives())
    assert isinstance(move, Finish)
    assert over.message.endswith("ConfigMap default/c0, ConfigMap default/c1, ConfigMap default/c2 and 2 more")
    assert asked_of(a_deletion()) == (0, [])


@pytest.mark.parametrize(("names", "told"), [(["a"], "; 1 stays: "), (["a", "b"], "; 2 stay: ")])
def test_what_stays_is_counted_in_words(names: list[str], told: str) -> None:
    bodies = [a_config_map(name, annotations={SYNC_OPTIONS: "Delete=false"}) for name in names]
    over, _ = moved(replace(a_deletion(), phase=DeletionPhase.DELETING), lives(*bodies))
    assert told in over.message
