"""Operations on a real API server: phases and waves, plans, rollback, termination, dependencies, immutable fields."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from gitopsd.core.errors import OperationError
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.planview import StepView
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.kubelet import FakeKubelet
from tests.e2e.conditions import healthy, out_of_sync, synced
from tests.e2e.manifests import config_map, definition, deployment, manifest
from tests.e2e.world import Running, World

HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
BY_HAND = SyncRequest(initiated_by="somebody")


def job(
    name: str,
    annotations: Mapping[str, str] | None = None,
    *,
    text: str = "done",
    code: int = 0,
    generated: bool = False,
) -> str:
    """A Job whose pod prints `text` and exits with `code`."""
    told = {
        "kubelet.gitopsd.io/behaviour": "run",
        "kubelet.gitopsd.io/logs": text,
        "kubelet.gitopsd.io/exit-code": str(code),
    }
    container = {"name": "main", "image": "registry.example.org/main:1"}
    pod = {"metadata": {"annotations": told}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    written = manifest("batch/v1", "Job", name, annotations=annotations, spec={"backoffLimit": 0, "template": pod})
    return written.replace(f"name: {name}\n", f"generateName: {name}-\n", 1) if generated else written


def hook(phase: str, policy: str = "") -> dict[str, str]:
    return {HOOK: phase, POLICY: policy} if policy else {HOOK: phase}


async def sync(daemon: Running, name: str, request: SyncRequest = BY_HAND) -> None:
    full = AppName(daemon.world.full(name))
    begun = await daemon.daemon.supervisor.operations.sync(full, request)

    def over() -> bool:
        last = daemon.statuses[full].operation
        return last is not None and last.id == begun.id and last.phase.done

    await daemon.until_true(over)


async def test_all_phases_and_three_waves_run_in_order(world: World, kubelet: FakeKubelet) -> None:
    world.commit(
        {
            "app/pre.yaml": job("migrate", hook("PreSync"), text="all migrated"),
            "app/one.yaml": deployment("database", wave="-1"),
            "app/two.yaml": config_map("settings"),
            "app/hook.yaml": job("seed", hook("Sync", "HookSucceeded"), generated=True),
            "app/three.yaml": deployment("web", wave="2"),
            "app/post.yaml": job("smoke", hook("PostSync", "HookSucceeded")),
            "app/fail.yaml": job("sorry", hook("SyncFail")),
        }
    )
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy, seconds=60)
    operation = status.operation
    assert operation is not None
    assert operation.phase is Phase.SUCCEEDED, operation.message
    assert [run.outcome for run in operation.hooks.values()] == [HookOutcome.SUCCEEDED] * 3
    logs = {item.key.name.rpartition("-")[0] or item.key.name: run.log for item, run in operation.hooks.items()}
    assert logs["migrate"].startswith("all migrated")
    writes = [line for line in await world.cluster.writes(world.user) if "delete" not in line]
    names = [line.rpartition("/")[2].partition("-")[0] for line in writes]
    order = [name for name in names if name in {"migrate", "database", "settings", "seed", "web", "smoke", "sorry"}]
    assert order == ["migrate", "database", "settings", "seed", "web", "smoke"] or order[3] == "seed"
    jobs = await world.cluster.names(world.full("app"), "jobs")
    assert jobs == {"migrate"}


async def test_a_failing_hook_stops_the_sync_and_runs_what_is_for_that(world: World, kubelet: FakeKubelet) -> None:
    world.commit(
        {
            "app/pre.yaml": job("migrate", hook("PreSync"), text="no such table", code=3),
            "app/two.yaml": config_map("settings"),
            "app/fail.yaml": job("sorry", hook("SyncFail")),
        }
    )
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        await sync(daemon, "app")
        operation = daemon.status("app").operation
        assert operation is not None
        assert operation.phase is Phase.FAILED
        assert "hook batch/Job" in operation.message
        assert {item.key.name: run.outcome for item, run in operation.hooks.items()} == {
            "migrate": HookOutcome.FAILED,
            "sorry": HookOutcome.SUCCEEDED,
        }
        assert {run.log.partition("\n")[0] for run in operation.hooks.values()} == {"no such table", "done"}
    assert await world.cluster.names(world.full("app"), "configmaps") <= {"kube-root-ca.crt"}


async def test_a_plan_is_carried_out_as_it_was_shown_or_refused(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        name = AppName(world.full("app"))
        operations = daemon.daemon.supervisor.operations
        shown = await operations.plan(name, BY_HAND)
        world.commit({"app/two.yaml": config_map("two")})
        with pytest.raises(OperationError) as refused:
            await operations.sync(name, SyncRequest(initiated_by="somebody", plan=shown.id))
        assert refused.value.reason == "PlanChanged"
        shown = await operations.plan(name, BY_HAND)
        await sync(daemon, "app", SyncRequest(initiated_by="somebody", plan=shown.id))
        await daemon.until("app", synced)
        assert (await operations.plan(name, BY_HAND)).stages == ()


async def test_a_rollback_works_with_git_down_and_holds_until_git_changes(world: World) -> None:
    first = world.commit({"app/one.yaml": config_map("one", "1")})
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        second = world.commit({"app/one.yaml": config_map("one", "2")})
        await daemon.live("app", second)
        name = AppName(world.full("app"))
        operations = daemon.daemon.supervisor.operations
        past = await operations.history(name)
        assert [entry.revisions for entry in past.entries] == [(first,), (second,)]
    world.repo.path.rename(away := world.repo.path.with_suffix(".away"))
    async with world.daemon() as daemon:
        operations = daemon.daemon.supervisor.operations
        await daemon.until_true(lambda: world.full("app") in daemon.looked_at)
        await operations.rollback(name, 0, BY_HAND)
        await daemon.until("app", synced, lambda status: status.pin is not None and status.revisions == (first,))
        live = await world.cluster.get(world.full("app"), "configmaps/one")
        assert live["data"] == {"key": "1"}
    away.rename(world.repo.path)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, lambda status: status.pin is not None)
        await daemon.refresh("app")
        assert daemon.status("app").revisions == (first,)
        third = world.commit({"app/one.yaml": config_map("one", "3")})
        await daemon.live("app", third, lambda status: status.pin is None)


async def test_an_operation_is_terminated_and_its_hook_deleted(world: World) -> None:
    world.commit({"app/pre.yaml": job("migrate", hook("PreSync")), "app/two.yaml": config_map("settings")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        name = AppName(world.full("app"))
        operations = daemon.daemon.supervisor.operations
        await operations.sync(name, BY_HAND)
        with pytest.raises(OperationError) as refused:
            await operations.sync(name, BY_HAND)
        assert refused.value.reason == "InProgress"
        await operations.terminate(name)
        await daemon.until_true(lambda: daemon.operations("app"))
        assert daemon.operations("app")[0].operation.phase is Phase.FAILED
        await world.cluster.until(world.full("app"), "jobs", lambda jobs: "migrate" not in jobs or not jobs)


async def test_an_immutable_job_is_made_anew_and_an_immutable_selector_is_not(world: World) -> None:
    world.commit({"app/job.yaml": job("once", text="1"), "app/web.yaml": deployment("web")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        await sync(daemon, "app")
        before = (await world.cluster.get(world.full("app"), "jobs/once"))["metadata"]["uid"]
        other = deployment("web").replace("app: web", "app: other")
        world.commit({"app/job.yaml": job("once", text="2"), "app/web.yaml": other})
        await daemon.refresh("app")
        await sync(daemon, "app")
        operation = daemon.status("app").operation
        assert operation is not None
        assert operation.phase is Phase.FAILED
        assert "cannot be changed" in operation.message
        after = await world.cluster.get(world.full("app"), "jobs/once")
        assert after["metadata"]["uid"] != before


async def test_an_application_waits_for_those_that_it_depends_on(world: World, kubelet: FakeKubelet) -> None:
    world.commit({"db/db.yaml": deployment("db", behaviour="run"), "app/one.yaml": config_map("one")})
    world.application("app", dependsOn=[world.full("db")])
    world.application("db", manual=True)
    async with world.daemon() as daemon:
        sentence = f"waits for {world.full('db')} (OutOfSync)"
        await daemon.until("app", lambda status: status.blocked_by == (sentence,))
        await sync(daemon, "db")
        await daemon.until("app", synced, seconds=30)
        await daemon.until("db", synced, healthy)


async def test_more_than_half_is_not_pruned_until_somebody_confirms(world: World) -> None:
    world.commit({f"app/{name}.yaml": config_map(name) for name in "abcd"})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({f"app/{name}.yaml": None for name in "abc"})
        await daemon.refresh("app")
        status = await daemon.until("app", out_of_sync, lambda status: len(status.resources) == 4)
        assert len(await world.cluster.names(world.full("app"), "configmaps")) >= 4
        await daemon.until("app", lambda status: "left git and stays: 3 of 4 objects would" in status.decision)
        await sync(daemon, "app", SyncRequest(initiated_by="somebody", prune=True, confirmed=True))
        status = await daemon.until("app", synced)
        assert len(status.resources) == 1


async def test_a_definition_comes_with_its_instance_and_hook_in_one_commit(world: World) -> None:
    group = f"e{world.number}.example.org"
    world.commit(
        {
            "app/crd.yaml": definition("Widget", group),
            "app/one.yaml": manifest(f"{group}/v1", "Widget", "one", spec={"size": 1}),
            "app/hook.yaml": manifest(f"{group}/v1", "Widget", "before", annotations=hook("PreSync"), spec={"size": 2}),
        }
    )
    world.application("app")
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, seconds=60)
        assert status.operation is not None
        assert status.operation.phase is Phase.SUCCEEDED


async def test_a_plan_shows_what_a_replacement_takes_from_others_and_that_is_what_goes(world: World) -> None:
    def service(port: int) -> str:
        spec = {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": port}]}
        return manifest("v1", "Service", "web", annotations={SYNC_OPTIONS: "Replace=true"}, spec=spec)

    world.commit({"app/web.yaml": service(80)})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        await sync(daemon, "app")
        place = world.full("app"), "services/web"
        beside = {"annotations": {"lb/id": "i-1"}, "labels": {"cost": "7"}, "finalizers": ["example.org/lb"]}
        theirs = {"metadata": beside, "spec": {"sessionAffinity": "ClientIP"}}
        await world.cluster.patch(place[0], f"{place[1]}?fieldManager=balancer", theirs)
        world.commit({"app/web.yaml": service(81)})
        await daemon.refresh("app")
        shown = await daemon.daemon.supervisor.operations.plan(AppName(world.full("app")), BY_HAND)
        found = shown.stages[0].steps[0].differences
        assert found is not None
        going = {field.path for field in found.fields if field.live.present and not field.path.startswith("spec.ports")}
        assert going == {
            'metadata.annotations["lb/id"]',
            "metadata.labels.cost",
            "spec.sessionAffinity",
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
        }
        before = await world.cluster.get(*place)
        await sync(daemon, "app")
        after = await world.cluster.get(*place)
        assert after["metadata"]["finalizers"] == ["example.org/lb"]
        assert "lb/id" not in after["metadata"]["annotations"]
        assert "cost" not in after["metadata"].get("labels", {})
        assert (after["spec"]["sessionAffinity"], after["spec"]["clusterIP"]) == ("None", before["spec"]["clusterIP"])
        await world.cluster.patch(*place, {"metadata": {"finalizers": None}})


async def test_a_plan_shows_what_changes_of_the_namespace(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    metadata = {"labels": {"team": "x"}, "annotations": {"note": "hi"}}
    world.application("app", manual=True, syncPolicy={"managedNamespaceMetadata": metadata})
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        await sync(daemon, "app")
        name = world.full("app")
        await world.cluster.do(
            "PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": {"team": "other", "mine": "1"}}}
        )

        steps: tuple[StepView, ...] = ()
        with anyio.fail_after(30):
            while not any(step.key.name == name for step in steps):  # until the watch has it
                plan = await daemon.daemon.supervisor.operations.plan(AppName(name), BY_HAND)
                steps = tuple(step for stage in plan.stages for step in stage.steps)
        found = steps[0].differences
        assert found is not None
        assert [(field.path, field.live.value, field.desired.value) for field in found.fields] == [
            ("metadata.labels.team", "other", "x")
        ]
