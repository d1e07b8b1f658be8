"""What every store does: the suite that the real one and the fake pass.

A subclass gives the fixture `store`; its tests are these.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode, unknown_status
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.links import Link
from gitopsd.core.manifest import Hook
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StepResult
from gitopsd.core.plan import Plan
from gitopsd.core.syncrequest import ObjectFilter, SyncRequest
from gitopsd.ports.store import Store

DEPLOYMENT = ObjectKey("apps", "Deployment", "guestbook", "ui")
CLUSTER_ROLE = ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "reader")
MIGRATION = ObjectKey("batch", "Job", "guestbook", "migrate")
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC)


def an_operation() -> Operation:
    """Return one with every field set, save for the plan."""
    return Operation(
        digest="d1",
        revisions=("a" * 40, "b" * 40),
        started_at=BEGAN,
        phase=Phase.FAILED,
        message="1 of 2 failed",
        finished_at=ENDED,
        results={
            DEPLOYMENT: StepResult(ResultCode.SYNC_FAILED, 'refused: "spec.replicas" must be ≥ 0', 0.25),
            CLUSTER_ROLE: StepResult(ResultCode.PRUNED),
        },
        retries=3,
        held_since=BEGAN,
        held_seconds=12.5,
        stage=1,
        applied=True,
        id="op-7",
        request=a_request(),
        hooks={
            HookId(SyncPhase.PRE_SYNC, MIGRATION): HookRun(
                started_at=BEGAN,
                uid="u-1",
                outcome=HookOutcome.FAILED,
                message="exit code 1",
                finished_at=ENDED,
                log="no such table\nünreadable",
                cleaned=True,
            ),
            HookId(SyncPhase.SYNC_FAIL, MIGRATION): HookRun(started_at=ENDED),
        },
        failing="the hook failed",
        manifests="m1",
    )


def a_request() -> SyncRequest:
    """Return one with every field set."""
    return SyncRequest(
        initiated_by="ann",
        automated=True,
        self_heal=True,
        prune=False,
        dry_run=True,
        confirmed=True,
        force=True,
        resources=(ObjectFilter("apps", "Deploy*", "team", "ui"), ObjectFilter(name="web", exclude=True)),
        labels={"tier": "front"},
        options={"Replace": "true"},
        plan="p1",
        history=0,
        revisions=("a" * 40,),
        retries=0,
        info={"Reason": "ticket 7"},
        hooks=False,
    )


def a_status(name: str = "guestbook") -> AppStatus:
    """Return one with every field set."""
    return AppStatus(
        name=AppName(name),
        sync=SyncCode.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, "Caused by Deployment:ui"),
        revisions=("a" * 40, "b" * 40),
        conditions=(
            Condition(ConditionType.SYNC_ERROR, "failed"),
            Condition(ConditionType.SOURCE_WARNING, "ünreachable"),
        ),
        resources=(
            ResourceStatus(
                key=DEPLOYMENT,
                gvk=GVK("apps", "v1", "Deployment"),
                sync=SyncCode.OUT_OF_SYNC,
                health=Health(HealthStatus.DEGRADED, "crash"),
                wave=-2,
                changes=("spec.replicas", "metadata.labels['a.b/c']"),
                message="refused",
                version="4711",
                links=(Link("Runbook", "https://wiki.example.org/ui"),),
            ),
            ResourceStatus(
                key=CLUSTER_ROLE,
                gvk=GVK("rbac.authorization.k8s.io", "v1", "ClusterRole"),
                sync=SyncCode.OUT_OF_SYNC,
                health=None,
                requires_pruning=True,
                health_ignored=True,
            ),
        ),
        hooks=(Hook(GVK("batch", "v1", "Job"), "guestbook", "migrate", ("PreSync", "Skip")),),
        renderers=("helm", "directory"),
        operation=an_operation(),
        decision="waits 5 s before the next try",
        external_urls=("https://wiki.example.org/ui",),
        reconciled_at=ENDED,
    )


class StoreContract:
    """Given a `store` without content."""

    async def test_nothing_is_known_at_first(self, store: Store) -> None:
        assert await store.statuses() == {}

    async def test_what_is_saved_comes_back_whole(self, store: Store) -> None:
        full, bare = a_status(), unknown_status(AppName("bare"))
        await store.save([full, bare])
        assert await store.statuses() == {full.name: full, bare.name: bare}

    async def test_the_plan_of_an_operation_is_left_out(self, store: Store) -> None:
        status = a_status()
        await store.save([replace(status, operation=replace(an_operation(), plan=Plan("d1", (), {})))])
        assert await store.statuses() == {status.name: status}

    async def test_later_statuses_replace_earlier_ones(self, store: Store) -> None:
        first, last = a_status(), replace(a_status(), operation=None, sync=SyncCode.SYNCED)
        await store.save([first])
        await store.save([first, last])
        assert await store.statuses() == {last.name: last}

    async def test_what_is_removed_is_gone_and_the_rest_stays(self, store: Store) -> None:
        await store.save([a_status("one"), a_status("two")])
        await store.remove([AppName("one"), AppName("never-there")])
        assert list(await store.statuses()) == ["two"]

    @pytest.mark.parametrize("names", [[], ["a"], [f"app-{number}" for number in range(1201)]], ids=len)
    async def test_any_number_at_once(self, store: Store, names: Sequence[str]) -> None:
        await store.save([unknown_status(AppName(name)) for name in names])
        assert set(await store.statuses()) == set(names)
        await store.remove([AppName(name) for name in names])
        assert await store.statuses() == {}

    @pytest.mark.parametrize("name", ["a.b-c", "Ünï", "a'b\"; DROP TABLE applications; --", "a b", "%", "\x1b[0m"])
    async def test_odd_names_are_names(self, store: Store, name: str) -> None:
        await store.save([a_status(name), a_status("other")])
        await store.remove([AppName(name)])
        assert list(await store.statuses()) == ["other"]

    async def test_many_at_once_do_not_meet(self, store: Store) -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(store.save, [a_status(f"app-{number}"), a_status("shared")])
                tasks.start_soon(store.remove, [AppName(f"other-{number}")])
        assert len(await store.statuses()) == 21
