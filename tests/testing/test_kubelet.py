"""The fake kubelet on a real API server: what controllers, clients and our health rules see of its pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitopsd.core.health.assess import assess
from gitopsd.testing.kubelet import FakeKubelet, FakeNode
from tests.cluster_fixture import ApiServer
from tests.testing.pods import Bench, a_pod, container, is_ready, running_kubelet, waits_for

pytestmark = pytest.mark.usefixtures("kubelet")


def _health(pod: dict[str, Any]) -> str:
    judged = assess({"apiVersion": "v1", "kind": "Pod", **pod})
    assert judged is not None
    return judged.status.value


async def test_a_pod_gets_a_node_an_address_and_becomes_ready(bench: Bench) -> None:
    await bench.create("pods", a_pod("web"))

    pod = await bench.pod("web", is_ready)

    status = pod["status"]
    assert pod["spec"]["nodeName"] == "node-1"
    assert (status["phase"], status["hostIP"]) == ("Running", "127.0.0.1")
    assert status["podIP"].startswith("10.244.")
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions == dict.fromkeys(
        ["PodReadyToStartContainers", "PodScheduled", "Initialized", "ContainersReady", "Ready"], "True"
    )
    assert container(pod)["ready"]
    assert container(pod)["state"]["running"]["startedAt"] >= status["startTime"]
    assert _health(pod) == "Healthy"


async def test_a_probed_pod_runs_before_it_is_ready(bench: Bench) -> None:
    pod = a_pod("web", annotations={"delay": "300ms"})
    pod["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 80}}
    await bench.create("pods", pod)

    running = await bench.pod("web", lambda pod: "running" in container(pod).get("state", {}))
    assert not is_ready(running)
    assert _health(running) == "Progressing"

    await bench.pod("web", is_ready)


async def test_a_crashing_pod_loops_with_growing_restart_counts(bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"behaviour": "crash", "exit-code": "3"}))

    pod = await bench.pod("web", lambda pod: waits_for(pod) == "CrashLoopBackOff")
    assert "back-off" in container(pod)["state"]["waiting"]["message"]
    assert container(pod)["lastState"]["terminated"]["exitCode"] == 3
    assert pod["status"]["phase"] == "Running"
    assert _health(pod) == "Degraded"

    await bench.pod("web", lambda pod: container(pod).get("restartCount", 0) >= 3)


async def test_a_pod_whose_image_cannot_be_pulled_says_so(bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"behaviour": "image-pull-error"}))

    pod = await bench.pod("web", lambda pod: waits_for(pod) == "ImagePullBackOff")

    assert "registry.example.org/main:1" in container(pod)["state"]["waiting"]["message"]
    assert pod["status"]["phase"] == "Pending"
    assert _health(pod) == "Degraded"
    status, told = await bench.log("web")
    assert status == 400
    assert "is waiting to start" in told


@pytest.mark.parametrize("behaviour", ["unready", "hang"])
async def test_a_pod_that_is_never_ready_runs_all_the_same(bench: Bench, behaviour: str) -> None:
    await bench.create("pods", a_pod("web", annotations={"behaviour": behaviour}, terminationGracePeriodSeconds=1))
    await bench.create("pods", a_pod("other"))

    await bench.pod("other", is_ready)
    pod = await bench.pod("web", lambda pod: "running" in container(pod).get("state", {}))

    assert not is_ready(pod)
    assert _health(pod) == "Progressing"
    why = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    assert why["message"] == "containers with unready status: [main]"


async def test_a_pod_recovers_when_its_annotation_changes(bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"behaviour": "unready"}))
    await bench.pod("web", lambda pod: "running" in container(pod).get("state", {}))

    await bench.do("PATCH", "pods/web", {"metadata": {"annotations": {"kubelet.gitopsd.io/behaviour": "run"}}})

    await bench.pod("web", is_ready)


async def test_init_containers_run_one_after_the_other_before_the_others(bench: Bench) -> None:
    inits = [{"name": name, "image": "init"} for name in ("first", "second")]
    await bench.create("pods", a_pod("web", annotations={"behaviour.second": "crash"}, initContainers=inits))

    pod = await bench.pod("web", lambda pod: waits_for(pod, "second") == "CrashLoopBackOff")
    assert container(pod, "first")["state"]["terminated"]["exitCode"] == 0
    assert waits_for(pod) == "PodInitializing"
    assert pod["status"]["phase"] == "Pending"

    await bench.do("PATCH", "pods/web", {"metadata": {"annotations": {"kubelet.gitopsd.io/behaviour.second": None}}})
    pod = await bench.pod("web", is_ready)
    assert container(pod, "second")["ready"]


async def test_a_sidecar_keeps_running_beside_the_others(bench: Bench) -> None:
    sidecar = {"name": "proxy", "image": "proxy", "restartPolicy": "Always"}
    await bench.create("pods", a_pod("web", initContainers=[sidecar]))

    pod = await bench.pod("web", is_ready)

    assert "running" in container(pod, "proxy")["state"]


async def test_an_annotation_that_nobody_understands_is_told_on_the_pod(bench: Bench) -> None:
    await bench.create("pods", a_pod("web", annotations={"behaviour": "explode"}))
    await bench.create("pods", a_pod("other"))

    pod = await bench.pod("web", lambda pod: pod["status"].get("reason") == "BadAnnotation")

    assert "'explode' is none of run, crash, hang" in pod["status"]["message"]
    await bench.pod("other", is_ready)


async def test_a_deployment_rolls_out_and_a_deleted_pod_is_replaced(bench: Bench) -> None:
    await bench.create("deployments", _deployment("web", replicas=3))
    await bench.until("deployments", lambda found: found["web"]["status"].get("availableReplicas") == 3)
    pods = await bench.until("pods", lambda pods: len(pods) == 3 and all(map(is_ready, pods.values())))
    first = next(iter(pods))

    await bench.do("DELETE", f"pods/{first}")

    await bench.until("pods", lambda pods: first not in pods and len(pods) == 3 and all(map(is_ready, pods.values())))


async def test_a_job_completes_and_a_failing_job_fails(bench: Bench) -> None:
    await bench.create("jobs", _job("good"))
    await bench.create("jobs", _job("bad", annotations={"kubelet.gitopsd.io/exit-code": "7"}, backoffLimit=0))

    jobs = await bench.until("jobs", lambda jobs: {"Complete", "Failed"} <= _true_conditions(jobs))

    assert jobs["good"]["status"]["succeeded"] == 1
    assert jobs["bad"]["status"]["failed"] == 1
    pods = await bench.until("pods", lambda pods: len(pods) == 2)
    assert {pod["status"]["phase"] for pod in pods.values()} == {"Succeeded", "Failed"}


async def test_a_job_that_is_deleted_halfway_leaves_no_pod(bench: Bench) -> None:
    await bench.create("jobs", _job("endless", annotations={"kubelet.gitopsd.io/behaviour": "hang"}, grace=1))
    await bench.until("pods", lambda pods: any("running" in container(pod).get("state", {}) for pod in pods.values()))

    await bench.do("DELETE", "jobs/endless", {"propagationPolicy": "Foreground"})

    await bench.until("pods", lambda pods: not pods)
    await bench.until("jobs", lambda jobs: not jobs)


async def test_a_hanging_pod_sits_out_its_grace_period(bench: Bench) -> None:
    await bench.create("pods", a_pod("slow", annotations={"behaviour": "hang"}, terminationGracePeriodSeconds=600))
    await bench.create("pods", a_pod("quick", terminationGracePeriodSeconds=600))
    for name in ("slow", "quick"):
        await bench.pod(name, lambda pod: "running" in container(pod).get("state", {}))

    for name in ("slow", "quick"):
        await bench.do("DELETE", f"pods/{name}")

    pods = await bench.until("pods", lambda pods: "quick" not in pods)
    assert pods["slow"]["metadata"]["deletionTimestamp"]
    await bench.do("DELETE", "pods/slow", {"gracePeriodSeconds": 0})


async def test_daemon_pods_run_on_their_own_node_and_selectors_are_kept(
    api_server: ApiServer, kubelet_kubeconfig: Path, kubelet: FakeKubelet, bench: Bench
) -> None:
    fast = FakeNode("node-fast", labels={"disk": "fast"})
    await bench.create("pods", a_pod("nowhere", nodeSelector={"disk": "fast"}))
    pod = await bench.pod("nowhere", lambda pod: pod["status"].get("conditions"))
    assert pod["status"]["conditions"][0]["reason"] == "Unschedulable"

    async with running_kubelet(api_server, kubelet_kubeconfig, fast):
        assert (await bench.pod("nowhere", is_ready))["spec"]["nodeName"] == "node-fast"
        await bench.create("daemonsets", {**_deployment("agent"), "kind": "DaemonSet"})
        pods = await bench.until("pods", lambda pods: len(pods) == 3 and all(map(is_ready, pods.values())))
        nodes = sorted(pod["spec"]["nodeName"] for name, pod in pods.items() if name != "nowhere")
        assert nodes == ["node-1", "node-fast"]
    await bench.do("DELETE", "daemonsets/agent")
    await bench.client.call("DELETE", "/api/v1/nodes/node-fast")


async def test_pods_stay_ready_when_the_kubelet_is_started_again(
    api_server: ApiServer, kubelet_kubeconfig: Path, bench: Bench
) -> None:
    async with running_kubelet(api_server, kubelet_kubeconfig, FakeNode("node-2", labels={"two": "yes"})):
        await bench.create("pods", a_pod("web", annotations={"logs": "hello"}, nodeSelector={"two": "yes"}))
        before = await bench.pod("web", is_ready)

    async with running_kubelet(api_server, kubelet_kubeconfig, FakeNode("node-2", labels={"two": "yes"})) as again:
        await bench.create("pods", a_pod("later", nodeSelector={"two": "yes"}))
        await bench.pod("later", is_ready)
        again.logs.write(f"{bench.namespace}/web", "main", "and again")
        assert await bench.log("web") == (200, "hello\nand again\n")
        after = await bench.pod("web", is_ready)
        for name in ("web", "later"):
            await bench.do("DELETE", f"pods/{name}")
        await bench.until("pods", lambda pods: not pods)
    await bench.client.call("DELETE", "/api/v1/nodes/node-2")

    assert before["status"]["podIP"] == after["status"]["podIP"]
    assert before["status"]["startTime"] == after["status"]["startTime"]
    assert before["status"]["conditions"] == after["status"]["conditions"]


def _deployment(name: str, *, replicas: int = 1) -> dict[str, Any]:
    pod = a_pod(name)
    template = {"metadata": {"labels": {"app": name}}, "spec": pod["spec"]}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": name}}, "template": template}
    if replicas != 1:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _job(name: str, *, annotations: dict[str, str] | None = None, grace: int = 30, **spec: object) -> dict[str, Any]:
    containers = a_pod(name)["spec"]["containers"]
    pod = {"containers": containers, "restartPolicy": "Never", "terminationGracePeriodSeconds": grace}
    template = {"metadata": {"annotations": annotations or {}}, "spec": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}


def _true_conditions(found: Any) -> set[str]:
    return {
        each["type"]
        for item in found.values()
        for each in item.get("status", {}).get("conditions", ())
        if each["status"] == "True"
    }
