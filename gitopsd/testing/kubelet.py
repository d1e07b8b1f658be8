"""A fake kubelet, and the scheduler with it: pods of a real API server that run nothing, yet live as pods do.

    async with FakeKubelet(client, clock=SystemClock(), certificate=ServingCertificate.of_localcluster(folder)):
        ...

Annotations of a pod say how it fares; `gitopsd/testing/kubelet_plan.py` lists them. One watch for all pods, and a
constant number of requests for each pod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from gitopsd.core.jsonvalue import JsonObject, mapping, sequence, string_map, text
from gitopsd.ports.clock import Clock
from gitopsd.testing.kubelet_api import KubeClient, KubeletApi, PodEvent, PodKey, key_of
from gitopsd.testing.kubelet_door import KubeletDoor, ServingCertificate
from gitopsd.testing.kubelet_logs import Logs
from gitopsd.testing.kubelet_plan import BadAnnotation, PodPlan, grace_seconds, node_wanted, pod_plan
from gitopsd.testing.kubelet_status import HOST_IP, PodStatus
from gitopsd.testing.kubelet_timeline import FIRST_BACKOFF_SECONDS, ContainerState, Moment, timeline

DELAY_SECONDS: Final = 0.1
_OVER: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class FakeNode:
    """A node to register. Nothing counts what its pods ask for: it takes them all."""

    name: str = "node-1"
    labels: Mapping[str, str] = field(default_factory=dict)
    cpu: str = "64"
    memory: str = "256Gi"
    pods: int = 10_000


@dataclass(slots=True)
class _Run:
    """A pod that is being taken care of. `node` is "" until it has one; `scope` ends what is being done for it."""

    key: PodKey
    plan: PodPlan
    node: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_ending: bool = False


class FakeKubelet:
    """Runs all pods that have no node yet, or one of `nodes`. Enter it with `async with`.

    `delay`: seconds that each step of a pod takes unless it says otherwise; `backoff`: seconds before a crashing
    container's second restart, doubled from there on. Without `certificate` there are no logs to be had.
    Entering raises `ClusterError` if the nodes cannot be registered; on leaving, nodes and pods stay as they are, for
    the next one.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        clock: Clock,
        certificate: ServingCertificate | None = None,
        nodes: Sequence[FakeNode] = (FakeNode(),),
        delay: float = DELAY_SECONDS,
        backoff: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        if delay < 0 or backoff <= 0 or not nodes:
            raise ValueError("a fake kubelet needs a node, no negative delay and a back-off above 0")
        self._api = KubeletApi(client)
        self._clock = clock
        self._certificate = certificate
        self._nodes = {node.name: node for node in nodes}
        self._delay = delay
        self._backoff = backoff
        self._runs: dict[str, _Run] = {}
        self._ips_given = 0
        self._dealt = 0
        self.logs = Logs(clock)
        """What containers wrote; `logs.write("namespace/pod", "container", "line")` has one write more."""

    async def __aenter__(self) -> Self:
        self._group: TaskGroup = anyio.create_task_group()
        self._tasks = await self._group.__aenter__()
        try:
            port = 0
            if self._certificate is not None:
                port = await KubeletDoor(self._certificate, self.logs.read).open(self._tasks)
            for node in self._nodes.values():
                await self._api.register(_node_object(node, port, self._now()))
            await self._tasks.start(self._follow)
        except BaseException:
            self._tasks.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)  # as no part of a group, the error itself is raised
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        return await self._group.__aexit__(kind, error, trace)

    async def _follow(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        async for events in self._api.pods():
            if events is None:
                task_status.started()
                continue
            for event in events:
                self._on_event(event)

    def _on_event(self, event: PodEvent) -> None:
        key = key_of(event.pod)
        if event.is_gone:
            self._forget(key)
            return
        run = self._runs.get(key.uid)
        node = text(event.pod, "spec", "nodeName")
        if node and node not in self._nodes:
            return
        if text(event.pod, "metadata", "deletionTimestamp"):
            self._on_deletion(key, event.pod, run)
        elif text(event.pod, "status", "phase") not in _OVER:
            self._on_living(key, event.pod, run)

    def _on_living(self, key: PodKey, pod: JsonObject, run: _Run | None) -> None:
        """A pod that is new, or whose annotations say otherwise than before; most news of a pod are our own doing."""
        plan = self._plan(pod)
        if run is not None and (run.plan == plan and run.node):
            return
        node = text(pod, "spec", "nodeName") or self._node_for(pod)
        if not node:
            self._await_node(key, plan, pod, is_new=run is None)
            return
        if run is not None:
            run.scope.cancel()
        resumed = text(pod, "status", "phase") == "Running"
        self._runs[key.uid] = run = _Run(key, plan, node)
        self._tasks.start_soon(self._live, run, pod, resumed)

    def _await_node(self, key: PodKey, plan: PodPlan, pod: JsonObject, *, is_new: bool) -> None:
        """A pod that fits no node: it is looked at again when it changes."""
        self._runs[key.uid] = run = _Run(key, plan, "")
        if is_new and not sequence(pod, "spec", "schedulingGates"):
            self._tasks.start_soon(self._tell_unschedulable, run)

    def _on_deletion(self, key: PodKey, pod: JsonObject, run: _Run | None) -> None:
        if run is not None and run.is_ending:
            return
        if run is not None:
            run.scope.cancel()
        run = _Run(key, run.plan if run is not None else self._plan(pod), text(pod, "spec", "nodeName"), is_ending=True)
        self._runs[key.uid] = run
        self._tasks.start_soon(self._end, run, pod)

    def _forget(self, key: PodKey) -> None:
        run = self._runs.pop(key.uid, None)
        if run is not None:
            run.scope.cancel()
            self.logs.forget(_name(key))

    def _plan(self, pod: JsonObject) -> PodPlan:
        """The pod's plan. An annotation that nobody understands has the pod stay Pending, saying why."""
        try:
            return pod_plan(pod, self._delay)
        except BadAnnotation as error:
            return PodPlan(refused=str(error))

    def _node_for(self, pod: JsonObject) -> str:
        """The node for a pod that has none: DaemonSets name theirs, others are dealt out; "" if none fits."""
        if sequence(pod, "spec", "schedulingGates"):
            return ""
        wanted, selector = node_wanted(pod), string_map(pod, "spec", "nodeSelector").items()
        fitting = [
            name for name, node in self._nodes.items() if wanted in ("", name) and selector <= _labels(node).items()
        ]
        self._dealt += 1
        return fitting[self._dealt % len(fitting)] if fitting else ""

    async def _live(self, run: _Run, pod: JsonObject, resumed: bool) -> None:
        """Take the pod from where it is to the end of its timeline, if that has one."""
        with run.scope:
            if not text(pod, "spec", "nodeName") and not await self._api.bind(run.key, run.node):
                return
            live = mapping(pod, "status")
            if run.plan.refused:
                refused = {"phase": "Pending", "reason": "BadAnnotation", "message": run.plan.refused}
                await self._api.report(run.key, refused)
                return
            status = PodStatus(run.plan, run.key.uid, text(live, "podIP") or self._next_ip(), live)
            begun = anyio.current_time()
            for moment in timeline(run.plan, backoff=self._backoff, resumed=resumed):
                await anyio.sleep_until(begun + moment.at)
                self._log(run, status.take(moment.states, self._now()), moment)
                if not await self._api.report(run.key, status.content(self._now())):
                    return

    async def _tell_unschedulable(self, run: _Run) -> None:
        count = len(self._nodes)
        why = f"0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
        with run.scope:
            await self._api.report(run.key, {"conditions": [{**condition, "lastTransitionTime": self._now()}]})

    async def _end(self, run: _Run, pod: JsonObject) -> None:
        """Have the pod end, as it was told to, and say so.

        Containers end at once; those that hang are killed when the grace period is over. The last status matters to
        those who keep a pod by a finalizer (a Job counts it).
        """
        with run.scope:
            if run.plan.hangs:
                await anyio.sleep(grace_seconds(pod))
            phase, keepers = text(pod, "status", "phase"), sequence(pod, "metadata", "finalizers")
            if keepers and phase not in _OVER and run.node and not run.plan.refused:
                status = PodStatus(run.plan, run.key.uid, text(pod, "status", "podIP"), mapping(pod, "status"))
                everything = (*run.plan.inits, *run.plan.containers)
                status.take([ContainerState(each.name) for each in everything], self._now())
                status.end(self._now(), killed=run.plan.hangs)
                await self._api.report(run.key, status.content(self._now()))
            await self._api.remove(run.key)

    def _log(self, run: _Run, started: Sequence[ContainerState], moment: Moment) -> None:
        """Tell the logs who writes now, who has stopped, and who never began."""
        pod = _name(run.key)
        lines = {each.name: each.logs for each in (*run.plan.inits, *run.plan.containers)}
        for state in started:
            self.logs.started(pod, state.name, lines[state.name])
        for state in moment.states:
            if state.phase == "waiting" and state.exit_code is None:
                self.logs.waiting(pod, state.name, state.message or state.reason)
            elif state.phase != "running":
                self.logs.ended(pod, state.name)

    def _next_ip(self) -> str:
        self._ips_given += 1
        return f"10.244.{self._ips_given // 250 % 256}.{self._ips_given % 250 + 2}"

    def _now(self) -> str:
        return _stamp(self._clock.now())


def _name(key: PodKey) -> str:
    return f"{key.namespace}/{key.name}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _labels(node: FakeNode) -> dict[str, str]:
    return {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", **node.labels}


def _node_object(node: FakeNode, port: int, now: str) -> JsonObject:
    resources = {"cpu": node.cpu, "memory": node.memory, "pods": str(node.pods), "ephemeral-storage": "1Ti"}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "the fake kubelet runs",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": _labels(node)},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": HOST_IP}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [ready],
            "nodeInfo": {
                "machineID": node.name,
                "systemUUID": node.name,
                "bootID": node.name,
                "kernelVersion": "fake",
                "osImage": "fake",
                "containerRuntimeVersion": "fake://1",
                "kubeletVersion": "v1.36.0",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }
