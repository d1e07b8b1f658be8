"""Plans, operations and histories for tests of the API and the commands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gitopsd.core.app import Source
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.difference import object_differences
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import HistoryEntry, Past, RevisionInfo
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredHook
from gitopsd.core.operation import HookId, HookRun, Operation, ResultCode, StagePlace, StepResult
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanReason, PruneStep, Stage
from gitopsd.core.planview import PlanView, StageView, StepView
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from tests.core.making import live_of, want
from tests.web.test_differences import drifted

COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = ObjectKey("batch", "Job", "default", "migrate")
WEB = ObjectKey("apps", "Deployment", "default", "web")
SETTINGS = ObjectKey("", "ConfigMap", "default", "settings")
OLD = ObjectKey("", "ConfigMap", "default", "old")
CLAIM = ObjectKey("", "PersistentVolumeClaim", "default", "data")


def a_step(number: int, key: ObjectKey, action: str, why: str, phase: SyncPhase = SyncPhase.SYNC) -> StepView:
    """Return a step that changes no field."""
    return StepView(number, phase, 0, action, key, why)


def changing(wanted: JsonObject, before: JsonObject, number: int = 3) -> StepView:
    """Return the step that makes `before` what is wanted."""
    comparison = drifted(wanted, before)
    ((key, item),) = comparison.objects.items()
    found = object_differences(item, comparison.rules)
    return StepView(number, SyncPhase.SYNC, 1, "apply", key, "git and the cluster differ", found)


def a_plan_view(**changes: object) -> PlanView:
    """Return one with a hook, two waves, a prune, what stays, and what runs if it fails."""
    web = changing(a_deployment("web", replicas=5), a_deployment("web", replicas=3))
    view = PlanView(
        id="p1a2b3c",
        revisions=(COMMIT,),
        stages=(
            StageView(SyncPhase.PRE_SYNC, 0, (a_step(1, JOB, "run", "it is a PreSync hook", SyncPhase.PRE_SYNC),), ()),
            StageView(SyncPhase.SYNC, 0, (a_step(2, SETTINGS, "apply", "it is not in the cluster"),), (SETTINGS,)),
            StageView(SyncPhase.SYNC, 1, (web, a_step(4, OLD, "prune", "it is no longer in git")), ()),
        ),
        failing=(
            StageView(
                SyncPhase.SYNC_FAIL,
                0,
                (a_step(5, replace_name(JOB, "tell"), "run", "it is a SyncFail hook", SyncPhase.SYNC_FAIL),),
            ),
        ),
        kept={CLAIM: "it is a PersistentVolumeClaim with data"},
        held=frozenset({CLAIM}),
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # fields by name


def replace_name(key: ObjectKey, name: str) -> ObjectKey:
    """Return the same with another name."""
    return key._replace(name=name)


def live_object(body: JsonObject) -> LiveObject:
    """Return the object as it is after an apply."""
    (one,) = want(body).objects
    return live_of(one)


def a_plan() -> Plan:
    """Return a plan of three stages: a hook; two objects that are waited for; a prune that is to be confirmed."""
    settings, web = want(a_config_map("settings"), a_deployment("web")).objects
    (job,) = want(an_object("Job", "migrate", api_version="batch/v1")).objects
    hook = DesiredHook(job, (SyncPhase.PRE_SYNC,))
    return Plan(
        "d1",
        (
            Stage(0, (), ((HookStep(hook, SyncPhase.PRE_SYNC),),), (), SyncPhase.PRE_SYNC),
            Stage(
                0,
                (),
                ((ApplyStep(settings, PlanReason.MISSING),), (ApplyStep(web, PlanReason.CHANGED),)),
                (SETTINGS, WEB),
            ),
            Stage(1, (PruneStep(live_object(a_config_map("old")), confirm=True),)),
        ),
        {},
    )


def an_operation(**changes: object) -> Operation:
    """Return one that began."""
    operation = Operation(
        digest="d1",
        revisions=(COMMIT,),
        started_at=BEGAN,
        plan=a_plan(),
        id="op-1",
        request=SyncRequest(initiated_by="local"),
    )
    return replace(operation, **changes)  # type: ignore[arg-type]  # fields by name


def hooked(outcome: HookOutcome = HookOutcome.SUCCEEDED, **changes: object) -> dict[HookId, HookRun]:
    """Return the run of its hook."""
    ended = BEGAN + timedelta(seconds=2) if outcome.done else None
    run = HookRun(BEGAN, "u1", outcome, "", ended, place=StagePlace(1, SyncPhase.PRE_SYNC, 0))
    return {HookId(SyncPhase.PRE_SYNC, JOB): replace(run, **changes)}  # type: ignore[arg-type]  # fields by name


_FIRST_WAVE = StagePlace(2, SyncPhase.SYNC, 0)
APPLIED = {
    SETTINGS: StepResult(ResultCode.SYNCED, "created", 0.02, place=_FIRST_WAVE),
    WEB: StepResult(ResultCode.SYNCED, "", 0.03, place=_FIRST_WAVE),
}


def a_resource(key: ObjectKey, status: HealthStatus, message: str = "") -> ResourceStatus:
    """Return a synced object of this health."""
    return ResourceStatus(key, GVK(key.group, "v1", key.kind), SyncCode.SYNCED, Health(status, message))


def an_entry(number: int, digest: str = "", **changes: object) -> HistoryEntry:
    """Return a history entry of an hour each."""
    at = BEGAN + timedelta(hours=number)
    entry = HistoryEntry(
        id=number,
        revisions=(f"{number}{COMMIT[1:]}",),
        sources=(Source("https://token@git.example.org/team/app.git", "shop", "main"),),
        digest=digest or f"d{number}",
        manifests=f"m{number}",
        started_at=at,
        deployed_at=at + timedelta(seconds=5),
        initiated_by="local",
        healthy_at=at + timedelta(minutes=1),
        infos=(RevisionInfo("Ada <ada@example.org>", at, f"Change {number}"),),
    )
    return replace(entry, **changes)  # type: ignore[arg-type]  # fields by name


def a_past(*digests: str) -> Past:
    """Return entries that deployed these, oldest first."""
    return Past(tuple(an_entry(number, digest) for number, digest in enumerate(digests)))
