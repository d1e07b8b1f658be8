"""Applications are deleted on a real API server: finalizers, garbage collector, namespaces, definitions are its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from gitopsd.control.deletion import Deletions, Leaving
from gitopsd.control.deletion_work import DeletionTools
from gitopsd.core.annotations import HOOK, HOOK_DELETE_POLICY
from gitopsd.core.app import AppSpec
from gitopsd.core.deletion_record import Reach
from gitopsd.core.desired import desired, wanted_kinds
from gitopsd.core.history import Deletion
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.permit import permit_object
from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.cluster import KubeCluster
from gitopsd.ports.cluster import Cluster, ClusterAccess
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
)
from gitopsd.testing.builders import manifests as rendered
from gitopsd.testing.cluster import FakeClusters
from gitopsd.testing.faultproxy import FaultProxy
from gitopsd.testing.health import FakeJudge
from gitopsd.testing.journal import FakeJournal
from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer, namespace

__all__ = ["namespace"]

FINALIZER = "resources-finalizer.argocd.argoproj.io"
DEADLINE_SECONDS = 60.0


class Scene:
    """Deletions over one cluster, and what was told of them."""

    def __init__(self, cluster: Cluster, api_server: ApiServer, namespace: str) -> None:
        self.cluster = cluster
        self.api_server = api_server
        self.namespace = namespace
        self.journal = FakeJournal()
        self.told: list[Deletion] = []
        self._news = anyio.Event()
        self.deletions: Deletions | None = None

    @property
    def spec(self) -> AppSpec:
        """The application of this test, which has a finalizer."""
        return replace(an_app(f"app-{self.namespace}", namespace=self.namespace), finalizers=(FINALIZER,))

    async def deployed(self, *bodies: JsonObject) -> Leaving:
        """Apply what the application wants, all but its hooks."""
        found = rendered(*bodies)
        wanted = desired(self.spec, found, await self.cluster.kinds(wanted_kinds(found)))
        for one in wanted.objects:
            await self.cluster.apply(permit_object(self.spec, one.key), one)
        return Leaving(self.spec, Reach(frozenset(one.gvk for one in wanted.objects)), self.cluster.server, wanted)

    @asynccontextmanager
    async def running(self, *specs: AppSpec) -> AsyncIterator[Deletions]:
        """Deletions of a daemon that starts with these applications."""
        tools = DeletionTools(self.journal, SystemClock(), FakeJudge())
        bugs: list[Exception] = []
        async with Deletions(
            FakeClusters(self.cluster), tools, self._hear, lambda _, bug: bugs.append(bug)
        ) as self.deletions:
            await self.deletions.resume({spec.name: spec for spec in specs})
            yield self.deletions
        assert bugs == []

    def _hear(self, deletion: Deletion) -> None:
        self.told.append(deletion)
        self._news.set()

    async def until(self, wanted: Callable[[Deletion], object]) -> Deletion:
        """Wait until the deletion stands like that."""
        with anyio.fail_after(DEADLINE_SECONDS):
            while not (self.told and wanted(self.told[-1])):
                self._news = anyio.Event()
                await self._news.wait()
        return self.told[-1]

    def place(self, what: str) -> str:
        """The path of one of the namespace's objects: `configmaps/one`, `apps/v1/deployments/web`."""
        group, _, rest = what.rpartition("/v1/")
        start = f"/apis/{group}/v1" if group else "/api/v1"
        return f"{start}/namespaces/{self.namespace}/{rest or what}"

    def has(self, what: str) -> bool:
        """Whether the API server has it."""
        return self.api_server.request("GET", self.place(what))[0] == 200

    def finalizers(self, path: str, *names: str) -> None:
        """Somebody sets the finalizers of an object."""
        self.api_server.do("PATCH", path, {"metadata": {"finalizers": list(names)}})

    def deleted(self) -> list[str]:
        """What was deleted in the namespace by gitopsd, in order: `configmaps/one`; pods are the kubelet's."""
        asked = [
            item for item in self.api_server.audit() if item["verb"] == "delete" and item["stage"] == "ResponseComplete"
        ]
        refs = [item["objectRef"] for item in asked]
        return [
            f"{ref['resource']}/{ref['name']}"
            for ref in refs
            if isinstance(ref, dict) and ref.get("namespace") == self.namespace and ref["resource"] != "pods"
        ]


@asynccontextmanager
async def a_scene(api_server: ApiServer, namespace: str, access: ClusterAccess | None = None) -> AsyncIterator[Scene]:
    access = access or ClusterAccess("local", kubeconfig=str(api_server.kubeconfig))
    async with KubeCluster(access, clock=SystemClock()) as cluster:
        yield Scene(cluster, api_server, namespace)


def a_job(name: str, phase: str, policy: str = "HookSucceeded") -> JsonObject:
    pod: JsonObject = {
        "metadata": {"annotations": {"kubelet.gitopsd.io/behaviour": "run"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example.org/main:1"}]},
    }
    marks = {HOOK: phase, HOOK_DELETE_POLICY: policy}
    return an_object("Job", name, api_version="batch/v1", annotations=marks, spec={"backoffLimit": 0, "template": pod})


async def test_hooks_waves_and_pods_go_in_order_and_nothing_else_is_touched(
    api_server: ApiServer, namespace: str, kubelet: FakeKubelet
) -> None:
    del kubelet  # it runs the pods
    async with a_scene(api_server, namespace) as scene:
        stranger = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "strangers"}}
        api_server.do("POST", scene.place("configmaps"), stranger)
        there = await scene.deployed(
            a_config_map("base", wave=-1),
            a_deployment("web", wave=1),
            a_config_map("settings"),
            a_job("before", "PreDelete"),
            a_job("after", "PostDelete"),
        )
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            over = await scene.until(lambda deletion: deletion.done)

        hooks = ["jobs/before", "deployments/web", "configmaps/settings", "configmaps/base", "jobs/after"]
        assert scene.deleted() == hooks
        assert [run.outcome.value for run in over.hooks.values()] == ["Succeeded", "Succeeded"]
        assert scene.has("configmaps/strangers")
        assert not scene.has("apps/v1/deployments/web")
        assert await scene.journal.deletions() == []


async def test_a_finalizer_that_never_goes_is_named_until_somebody_takes_it_away(
    api_server: ApiServer, namespace: str
) -> None:
    async with a_scene(api_server, namespace) as scene:
        there = await scene.deployed(a_config_map("held", wave=1), a_config_map("base"))
        scene.finalizers(scene.place("configmaps/held"), "example.org/x")
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            # What was asked a moment ago is told before the watch shows since when.
            told = f"ConfigMap {namespace}/held is being deleted since"
            stuck = await scene.until(lambda deletion: told in deletion.message)
            assert "held by finalizer example.org/x" in stuck.message
            assert scene.has("configmaps/base")
        async with scene.running():  # as after a restart
            await scene.until(lambda deletion: "held by" in deletion.message)
            scene.finalizers(scene.place("configmaps/held"))
            await scene.until(lambda deletion: deletion.done)

        assert not scene.has("configmaps/base")


async def test_a_foreground_deletion_names_the_object_below_that_holds_it(
    api_server: ApiServer, namespace: str
) -> None:
    async with a_scene(api_server, namespace) as scene:
        there = await scene.deployed(a_deployment("web"))
        with anyio.fail_after(DEADLINE_SECONDS):
            while not (sets := replica_sets(scene)):  # noqa: ASYNC110  # the controllers tell nobody
                await anyio.sleep(0.05)
        scene.finalizers(scene.place(f"apps/v1/replicasets/{sets[0]}"), "example.org/x")
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            said = await scene.until(lambda deletion: "held by" in deletion.message)
            assert (
                f"waits for its apps/ReplicaSet {namespace}/{sets[0]}, held by finalizer example.org/x" in said.message
            )
            scene.finalizers(scene.place(f"apps/v1/replicasets/{sets[0]}"))
            await scene.until(lambda deletion: deletion.done)


def replica_sets(scene: Scene) -> list[str]:
    items = scene.api_server.do("GET", scene.place("apps/v1/replicasets"))["items"]
    return [item["metadata"]["name"] for item in items] if isinstance(items, list) else []


async def test_a_namespace_stuck_in_deletion_is_told_with_what_is_left_in_it(
    api_server: ApiServer, namespace: str
) -> None:
    inner = f"{namespace}-inner"
    async with a_scene(api_server, namespace) as scene:
        there = await scene.deployed(a_namespace(inner))
        held: JsonObject = {"metadata": {"name": "held", "finalizers": ["example.org/x"]}}
        api_server.do("POST", f"/api/v1/namespaces/{inner}/configmaps", held)
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            await scene.until(lambda deletion: "everything in a Namespace is deleted with it" in deletion.message)
            await deletions.confirm(scene.spec.name)
            said = await scene.until(lambda deletion: "example.org/x" in deletion.message)
            assert f"Namespace {inner} is being deleted" in said.message
            scene.finalizers(f"/api/v1/namespaces/{inner}/configmaps/held")
            await scene.until(lambda deletion: deletion.done)


async def test_a_definition_that_is_removed_takes_its_instances_along(api_server: ApiServer, namespace: str) -> None:
    group = f"{namespace}.example.org"
    async with a_scene(api_server, namespace) as scene:
        definition = a_definition(group=group)
        with_schema = {**definition, "spec": {**definition["spec"], "versions": [VERSION]}}  # type: ignore[dict-item]  # what the builder wrote there is a mapping
        await scene.deployed(with_schema)
        await served(scene, GVK(group, "v1", "Widget"))
        there = await scene.deployed(an_instance(group=group), a_config_map("one"))
        path = f"/apis/{group}/v1/namespaces/{namespace}/widgets/first"
        scene.finalizers(path, "example.org/x")
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            await scene.until(lambda deletion: "held by" in deletion.message)
            assert scene.has("configmaps/one")
            api_server.do("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
            scene.finalizers(path)
            await scene.until(lambda deletion: deletion.done)

        assert not scene.has("configmaps/one")


VERSION: JsonObject = {
    "name": "v1",
    "served": True,
    "storage": True,
    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
}


async def served(scene: Scene, gvk: GVK) -> None:
    with anyio.fail_after(DEADLINE_SECONDS):
        while not await scene.cluster.kinds([gvk]):  # noqa: ASYNC110  # the API server tells nobody
            await anyio.sleep(0.05)


async def test_a_definition_is_not_deleted_with_its_application(api_server: ApiServer, namespace: str) -> None:
    group = f"{namespace}.example.org"
    async with a_scene(api_server, namespace) as scene:
        definition = a_definition(group=group)
        there = await scene.deployed({**definition, "spec": {**definition["spec"], "versions": [VERSION]}})  # type: ignore[dict-item]  # what the builder wrote there is a mapping
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            over = await scene.until(lambda deletion: deletion.done)

        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
        assert list(over.kept) == [f"apiextensions.k8s.io/CustomResourceDefinition widgets.{group}"]
        assert api_server.request("DELETE", path)[0] == 200


async def test_a_connection_that_is_cut_in_between_is_waited_for(api_server: ApiServer, namespace: str) -> None:
    async with (
        FaultProxy(api_server.kubeconfig) as proxy,
        a_scene(api_server, namespace, ClusterAccess("local", server=proxy.url)) as scene,
    ):
        there = await scene.deployed(a_config_map("held", wave=1), a_config_map("base"))
        scene.finalizers(scene.place("configmaps/held"), "example.org/x")
        async with scene.running(scene.spec) as deletions:
            await deletions.reconfigure({}, [there])
            await scene.until(lambda deletion: "held by" in deletion.message)
            await proxy.stop()
            scene.finalizers(scene.place("configmaps/held"))
            await proxy.start()
            await scene.until(lambda deletion: deletion.done)

        assert not scene.has("configmaps/base")
        assert scene.deleted() == ["configmaps/held", "configmaps/base"]


async def test_an_application_that_was_asked_to_go_rests(api_server: ApiServer, namespace: str) -> None:
    async with a_scene(api_server, namespace) as scene:
        there = await scene.deployed(a_config_map("one"))
        async with scene.running(scene.spec) as deletions:
            await deletions.start(there, cascade="background", by="somebody")
            await scene.until(lambda deletion: deletion.done)

            assert deletions.rests(AppName(scene.spec.name))
            assert not scene.has("configmaps/one")
