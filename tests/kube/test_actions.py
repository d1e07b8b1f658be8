"""Resource actions on a real API server, with its controllers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from gitopsd.control.actions import Actions, Ground
from gitopsd.core.customization import ActionRule
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.ignore import KindPattern
from gitopsd.core.jsonvalue import JsonObject, integer, objects, string_map, text, value
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.project import Projects
from gitopsd.kube.cluster import KubeCluster
from gitopsd.render.engine import locate
from gitopsd.render.pool import EnginePool
from gitopsd.rules.actions import ActionBook
from gitopsd.rules.actions_lua import ActionScripts
from gitopsd.testing.builders import a_deployment, an_app, an_object
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import DEADLINE_SECONDS, Changes, apply, desired
from tests.kube.conftest import RealClock

GAUGE = """
local copy = {apiVersion = "v1", kind = "ConfigMap", data = {size = actionParams["size"]}}
copy.metadata = {generateName = obj.metadata.name .. "-"}
obj.status = {phase = "Measured"}
obj.spec.sizes[#obj.spec.sizes + 1] = tonumber(actionParams["size"])
return {{operation = "patch", resource = obj}, {operation = "create", resource = copy}}
"""


def pod_template(name: str) -> JsonObject:
    spec: JsonObject = {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "registry.example.org/job:1"}],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


class Stage:
    """An application on the real cluster."""

    def __init__(self, cluster: KubeCluster, namespace: str) -> None:
        self.cluster = cluster
        self.name = AppName(f"shop-{namespace}")
        self.namespace = namespace
        self.keys: list[ObjectKey] = []
        self.kinds: set[GVK] = set()
        self.live: dict[ObjectKey, LiveObject] = {}
        self.changes = Changes(cluster)

    async def manage(self, body: JsonObject) -> ObjectKey:
        wanted = desired({**body, "metadata": {**body["metadata"], "namespace": self.namespace}}, self.name)  # type: ignore[dict-item]  # builders make mappings
        self.keys.append(wanted.key)
        self.kinds.add(wanted.gvk)
        await apply(self.cluster, wanted)
        await self.look()
        return wanted.key

    async def look(self) -> Live:
        found = await self.cluster.observe(self.name, self.keys, self.kinds)
        self.live = dict(found.objects)
        return found

    def actions(self, book: ActionBook | None = None) -> Actions:
        spec = an_app(self.name, namespace=self.namespace)
        ground = Ground(spec, self.cluster)

        def now(_name: AppName) -> Ground:
            return Ground(ground.spec, ground.cluster, tuple(self.live.values()))

        return Actions(now, book or ActionBook(), Projects, RealClock())

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it holds, looking again after each change."""
        with anyio.fail_after(DEADLINE_SECONDS):
            while not await holds():
                seen = len(self.changes.heard)
                await self.changes.until(lambda seen=seen: len(self.changes.heard) > seen)  # type: ignore[misc]  # bound right now

    async def body(self, key: ObjectKey) -> JsonObject:
        await self.look()
        return self.live[key].document.body()


@pytest.fixture
def stage(cluster: KubeCluster, namespace: str) -> Stage:
    return Stage(cluster, namespace)


async def test_a_deployment_is_restarted_and_scaled(stage: Stage) -> None:
    key = await stage.manage(a_deployment(replicas=1))
    actions = stage.actions()
    await actions.run(stage.name, key, "restart", {}, by="ann")
    await actions.run(stage.name, key, "scale", {"replicas": "2"}, by="ann")
    body = await stage.body(key)
    assert integer(body, "spec", "replicas") == 2
    assert string_map(body, "spec", "template", "metadata", "annotations").keys() == {
        "kubectl.kubernetes.io/restartedAt"
    }
    managers = {text(entry, "manager") for entry in objects(body, "metadata", "managedFields")}
    assert "gitopsd-patch" in managers

    async def rolled_out() -> bool:
        return value(await stage.body(key), "metadata", "annotations", "deployment.kubernetes.io/revision") == "2"

    await stage.until(rolled_out)


async def test_a_job_is_made_of_a_cron_job_suspended_and_terminated(stage: Stage) -> None:
    spec: JsonObject = {
        "schedule": "0 0 1 1 *",
        "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": pod_template("nightly")}},
    }
    key = await stage.manage(an_object("CronJob", "nightly", api_version="batch/v1", spec=spec))
    actions = stage.actions()
    done = await actions.run(stage.name, key, "create-job", {}, by="ann")
    (job,) = done.created

    async def shown() -> bool:
        return any(child.key == job for child in stage.cluster.children([stage.live[key].uid]))

    await stage.until(shown)
    offered = await actions.offered(stage.name, job)
    assert [action.name for action in offered.actions] == ["suspend", "resume", "terminate"]
    await actions.run(stage.name, job, "suspend", {}, by="ann")


async def test_a_running_job_is_terminated_by_its_status(stage: Stage, api_server: ApiServer) -> None:
    body = an_object("Job", "run", api_version="batch/v1", spec={"template": pod_template("run")})
    key = await stage.manage(body)

    async def began() -> bool:
        return value(await stage.body(key), "status", "startTime") is not None

    await stage.until(began)
    done = await stage.actions().run(stage.name, key, "terminate", {}, by="ann")
    assert done.patched == (key,)
    types = [text(each, "type") for each in objects(await stage.body(key), "status", "conditions")]
    assert "FailureTarget" in types


@pytest.mark.parametrize("subresource", [True, False], ids=["status-subresource", "plain-status"])
async def test_a_users_script_patches_status_and_object_and_makes_another(
    stage: Stage,
    api_server: ApiServer,
    subresource: bool,
) -> None:
    group = f"{stage.namespace}.example.org"
    gvk = GVK(group, "v1", "Gauge")
    schema: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if subresource:
        version["subresources"] = {"status": {}}
    names: JsonObject = {"kind": "Gauge", "plural": "gauges", "singular": "gauge", "listKind": "GaugeList"}
    crd_spec: JsonObject = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    crd = an_object("CustomResourceDefinition", f"gauges.{group}", api_version="apiextensions.k8s.io/v1", spec=crd_spec)
    await stage.cluster.observe(stage.name, [], [gvk])
    await apply(stage.cluster, desired(crd, stage.name))

    async def served() -> bool:
        return gvk in await stage.cluster.kinds([gvk])

    await stage.until(served)
    key = await stage.manage(an_object("Gauge", "one", api_version=gvk.api_version, spec={"sizes": [], "empty": {}}))
    rule = ActionRule(
        KindPattern(group, "Gauge"),
        "return {measure = {params = {{name = 'size', default = '1'}}}}",
        (("measure", GAUGE),),
    )
    engine = locate("", {})
    assert engine is not None, "the engine is missing: run `make setup`"
    async with EnginePool((engine, "rules"), memory_limit=256 << 20) as pool:
        actions = stage.actions(ActionBook([rule], ActionScripts(pool.ask)))
        done = await actions.run(stage.name, key, "measure", {"size": "7"}, by="ann")
        assert done.patched == (key,)
        (made,) = done.created
        assert (made.kind, made.namespace) == ("ConfigMap", stage.namespace)
        body = await stage.body(key)
        assert value(body, "status") == {"phase": "Measured"}
        assert value(body, "spec") == {"sizes": [7], "empty": {}}
        shown = api_server.do("GET", f"/api/v1/namespaces/{stage.namespace}/configmaps/{made.name}")
        assert shown["data"] == {"size": "7"}
        stale = dict(stage.live)
        await actions.run(stage.name, key, "measure", {}, by="ann")
        stage.live = stale
        with pytest.raises(OperationError) as caught:
            await actions.run(stage.name, key, "measure", {}, by="ann")
        assert caught.value.reason in {"Conflict", "Failed"}
    assert value(await stage.body(key), "spec", "sizes") == [7, 1]


async def test_two_actions_at_once_both_count(stage: Stage) -> None:
    key = await stage.manage(a_deployment(replicas=1))
    actions = stage.actions()

    async def run(action: str, given: dict[str, str]) -> None:
        await actions.run(stage.name, key, action, given, by="ann")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, "pause", {})
        tasks.start_soon(run, "scale", {"replicas": "3"})
        tasks.start_soon(run, "restart", {})
    body = await stage.body(key)
    assert (value(body, "spec", "paused"), value(body, "spec", "replicas")) == (True, 3)
