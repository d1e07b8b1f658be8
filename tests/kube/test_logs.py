"""The end of what containers printed, from a fake kubelet through a real API server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, objects
from gitopsd.core.live import LiveObject
from gitopsd.core.permit import permit_object
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import an_app, an_object
from gitopsd.testing.faultproxy import FaultProxy
from gitopsd.testing.kubelet import FakeKubelet
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import Changes, desired
from tests.testing.conftest import bench, kubelet_kubeconfig
from tests.testing.pods import Bench, a_pod, is_ready, running_kubelet

__all__ = ["bench", "kubelet_kubeconfig"]
POD = GVK("", "v1", "Pod")
JOB = GVK("batch", "v1", "Job")


@pytest.fixture
async def kubelet(api_server: ApiServer, kubelet_kubeconfig: Path) -> AsyncIterator[FakeKubelet]:
    """Give a fake kubelet of one node."""
    async with running_kubelet(api_server, kubelet_kubeconfig) as running:
        yield running


async def a_running_pod(cluster: KubeCluster, bench: Bench, printed: str, name: str = "web") -> LiveObject:
    """Make a pod that prints this; as the cluster shows it when it runs."""
    await bench.create("pods", a_pod(name, annotations={"logs": printed}))
    await bench.pod(name, is_ready)
    key = ObjectKey("", "Pod", bench.namespace, name)
    return (await cluster.observe(AppName(f"logs-{bench.namespace}"), [key], [POD])).objects[key]


async def test_the_end_of_a_log_is_given_in_whole_lines(
    cluster: KubeCluster, kubelet: FakeKubelet, bench: Bench
) -> None:
    lines = [f"line {number:04}" for number in range(2_000)]
    pod = await a_running_pod(cluster, bench, "\n".join(lines))
    whole = await cluster.logs(pod, "main", max_bytes=1_000_000)
    assert whole.splitlines() == lines
    end = await cluster.logs(pod, "main", max_bytes=1_000)
    assert 100 < len(end.encode()) <= 1_000
    assert end.splitlines() == lines[-len(end.splitlines()) :]
    assert await cluster.logs(pod, "main", max_bytes=0) == ""


@pytest.mark.parametrize(("length", "count"), [(300, 300), (5_000, 20)])
async def test_long_lines_do_not_hide_the_end(
    cluster: KubeCluster, kubelet: FakeKubelet, bench: Bench, requests: list[RequestMade], *, length: int, count: int
) -> None:
    lines = [f"{number:04}" + "ä" * length for number in range(count)]
    pod = await a_running_pod(cluster, bench, "\n".join(lines))
    end = await cluster.logs(pod, "main", max_bytes=4_000)
    assert len(end.encode()) <= 4_000
    assert end.rstrip("\n").endswith("ä" * 100)
    if length < 1_000:
        assert end.splitlines()[-1] == lines[-1]
    assert len([made for made in requests if made.verb == "logs"]) < 8


async def test_a_container_that_is_not_there_and_a_pod_that_runs_nowhere_have_no_logs(
    cluster: KubeCluster, kubelet: FakeKubelet, bench: Bench
) -> None:
    pod = await a_running_pod(cluster, bench, "hello")
    assert await cluster.logs(pod, "other", max_bytes=1_000) == ""
    app, key = AppName(f"logs-{bench.namespace}"), ObjectKey("", "Pod", bench.namespace, "nowhere")
    changes = Changes(cluster)
    await cluster.observe(app, [key], [POD])
    await bench.create("pods", a_pod("nowhere", nodeSelector={"disk": "none"}))
    await changes.until_live(cluster, app, key, there=True)
    waiting = (await cluster.observe(app, [key], [POD])).objects[key]
    assert await cluster.logs(waiting, "main", max_bytes=1_000) == ""


async def test_logs_that_cannot_be_read_say_why(
    behind_proxy: KubeCluster, proxy: FaultProxy, kubelet: FakeKubelet, bench: Bench
) -> None:
    pod = await a_running_pod(behind_proxy, bench, "hello")
    body = b'{"kind":"Status","reason":"Forbidden","message":"no","code":403}'
    proxy.answer(403, matching=lambda request: request.path.endswith("/log"), body=body)
    with pytest.raises(ClusterError, match="read the logs of"):
        await behind_proxy.logs(pod, "main", max_bytes=1_000)
    proxy.abort(matching=lambda request: request.path.endswith("/log"))
    assert await behind_proxy.logs(pod, "main", max_bytes=1_000) == "hello\n"


async def test_how_a_hooks_job_ended_is_known_after_it_was_deleted(
    cluster: KubeCluster, kubelet: FakeKubelet, bench: Bench
) -> None:
    app = AppName(f"hooks-{bench.namespace}")
    pod: JsonObject = {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "registry.example.org/main:1"}],
    }
    template: JsonObject = {"metadata": {"annotations": {"kubelet.gitopsd.io/logs": "migrated"}}, "spec": pod}
    body = an_object(
        "Job",
        "migrate",
        api_version="batch/v1",
        namespace=bench.namespace,
        annotations={"argocd.argoproj.io/hook": "PreSync"},
        spec={"template": template},
    )
    wanted = desired(body, app)
    await cluster.observe(app, [wanted.key], [JOB])
    changes = Changes(cluster)
    made = await cluster.create(permit_object(an_app(), wanted.key), wanted)
    await bench.until(
        "jobs", lambda jobs: "migrate" in jobs and jobs["migrate"].get("status", {}).get("completionTime")
    )
    await cluster.delete(permit_object(an_app(), wanted.key), made, propagation="Background")
    await changes.until_live(cluster, app, wanted.key, there=False)
    seen = cluster.last_seen(wanted.key, made.uid)
    assert seen is not None
    ended = {str(each["type"]): each["status"] for each in objects(seen.document.body(), "status", "conditions")}
    assert ended["Complete"] == "True"
