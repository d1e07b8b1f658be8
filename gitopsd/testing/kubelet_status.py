"""A pod's `status`, as a kubelet writes it.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, objects, text
from gitopsd.testing.kubelet_plan import ContainerPlan, PodPlan
from gitopsd.testing.kubelet_timeline import ContainerState

HOST_IP: Final = "127.0.0.1"
_KILLED: Final = 137
_TERMINATED: Final = 143


@dataclass(frozen=True, slots=True)
class _Seen:
    """A container's state, since when (RFC 3339), since when it runs, and when it last ended."""

    state: ContainerState
    since: str
    started: str = ""
    ended: str = ""


class PodStatus:
    """The status of one pod, kept up with its timeline. `uid`, `ip`: the pod's; `live`: its status so far."""

    def __init__(self, plan: PodPlan, uid: str, ip: str, live: JsonObject) -> None:
        self._plan = plan
        self._uid = uid
        self._ip = ip
        self._start = text(live, "startTime")
        self._seen: dict[str, _Seen] = {}
        self._conditions = {
            text(each, "type"): (text(each, "status"), text(each, "lastTransitionTime"))
            for each in objects(live, "conditions")
        }

    @property
    def is_over(self) -> bool:
        """Whether the pod has ended for good."""
        return self._phase() in ("Succeeded", "Failed")

    def state(self, container: str) -> ContainerState | None:
        """The state of a container; None if nothing has been heard of it."""
        seen = self._seen.get(container)
        return seen.state if seen else None

    def take(self, states: Sequence[ContainerState], now: str) -> list[ContainerState]:
        """`states` are true since `now` (RFC 3339); returns those of containers that were started by that."""
        started = []
        for state in states:
            seen = self._seen.get(state.name)
            if state.phase == "running" and (seen is None or seen.state.phase != "running"):
                started.append(state)
                self._seen[state.name] = _Seen(state, now, started=now, ended=seen.ended if seen else "")
            elif seen is None:
                self._seen[state.name] = _Seen(state, now)
            else:
                ended = now if seen.state.phase == "running" and state.phase != "running" else seen.ended
                self._seen[state.name] = replace(seen, state=state, since=now, ended=ended)
        return started

    def end(self, now: str, *, killed: bool) -> None:
        """All containers were told to end, and have: by themselves, or `killed` after their grace period."""
        code = _KILLED if killed else _TERMINATED
        for name, seen in self._seen.items():
            if seen.state.phase == "terminated" and seen.state.is_final:
                continue
            state = replace(
                seen.state,
                phase="terminated",
                reason="Error",
                message="",
                is_ready=False,
                exit_code=code,
                is_final=True,
            )
            self._seen[name] = replace(seen, state=state, since=now, ended=now, started=seen.started or now)

    def content(self, now: str) -> Mapping[str, object]:
        """The status at `now` (RFC 3339), for a strategic merge patch."""
        self._start = self._start or now
        content: dict[str, object] = {
            "phase": self._phase(),
            "hostIP": HOST_IP,
            "hostIPs": [{"ip": HOST_IP}],
            "podIP": self._ip,
            "podIPs": [{"ip": self._ip}],
            "startTime": self._start,
            "conditions": self._told_conditions(now),
            "containerStatuses": [self._told(each) for each in self._plan.containers],
        }
        if self._plan.inits:
            content["initContainerStatuses"] = [self._told(each) for each in self._plan.inits]
        return content

    def _is_initialized(self) -> bool:
        for init in self._plan.inits:
            state = self.state(init.name)
            if state is None:
                return False
            done = state.is_final and state.exit_code == 0 if init.ends else state.phase == "running"
            if not done:
                return False
        return True

    def _phase(self) -> str:
        inits = [state for each in self._plan.inits if each.ends and (state := self.state(each.name))]
        if any(state.is_final and state.exit_code for state in inits):
            return "Failed"
        states = [self.state(each.name) for each in self._plan.containers]
        known = [state for state in states if state is not None]
        if known and len(known) == len(states) and all(state.is_final for state in known):
            return "Failed" if any(state.exit_code for state in known) else "Succeeded"
        never_ran = any(state is None or (state.phase == "waiting" and state.exit_code is None) for state in states)
        return "Pending" if never_ran else "Running"

    def _told_conditions(self, now: str) -> list[Mapping[str, object]]:
        waiting = [each.name for each in self._plan.containers if not ((s := self.state(each.name)) and s.is_ready)]
        ready = "False" if waiting else "True"
        over = self.is_over and self._phase() == "Succeeded"
        why: Mapping[str, object] = {}
        if over:
            why = {"reason": "PodCompleted"}
        elif waiting:
            why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(waiting)}]"}
        uninitialized = {"reason": "ContainersNotInitialized", "message": "containers with incomplete status"}
        initialized = self._is_initialized()
        return [
            self._condition("PodReadyToStartContainers", "True", now, {}),
            self._condition("Initialized", str(initialized), now, {} if initialized else uninitialized),
            self._condition("Ready", ready, now, why),
            self._condition("ContainersReady", ready, now, why),
            self._condition("PodScheduled", "True", now, {}),
        ]

    def _condition(self, kind: str, status: str, now: str, why: Mapping[str, object]) -> Mapping[str, object]:
        before, since = self._conditions.get(kind, ("", ""))
        if before != status or not since:
            since = now
            self._conditions[kind] = (status, now)
        # A strategic merge keeps what is not named: null takes a reason away again.
        return {"type": kind, "status": status, "lastTransitionTime": since, "reason": None, "message": None, **why}

    def _told(self, plan: ContainerPlan) -> Mapping[str, object]:
        seen = self._seen.get(plan.name) or _Seen(ContainerState(plan.name), "")
        state = seen.state
        told: dict[str, object] = {
            "name": plan.name,
            "image": plan.image,
            "imageID": f"fake://{plan.image}" if seen.started else "",
            "ready": state.is_ready or (plan in self._plan.inits and state.is_final and state.exit_code == 0),
            "started": state.phase == "running",
            "restartCount": state.restarts,
            "state": {state.phase: _details(seen, self._id(plan, state.restarts))},
            "lastState": {},
        }
        if seen.started:
            told["containerID"] = self._id(plan, state.restarts)
        if state.exit_code is not None and state.phase != "terminated":
            before = state.restarts - 1 if state.phase == "running" else state.restarts
            told["lastState"] = {"terminated": _end(seen, state.exit_code, self._id(plan, before))}
        return told

    def _id(self, plan: ContainerPlan, run: int) -> str:
        return f"fake://{self._uid}-{plan.name}-{run}"


def _details(seen: _Seen, identity: str) -> Mapping[str, object]:
    state = seen.state
    match state.phase:
        case "running":
            return {"startedAt": seen.started}
        case "terminated":
            return _end(seen, state.exit_code or 0, identity)
        case "waiting":
            return {"reason": state.reason, "message": state.message} if state.message else {"reason": state.reason}


def _end(seen: _Seen, exit_code: int, identity: str) -> Mapping[str, object]:
    return {
        "exitCode": exit_code,
        "reason": "Error" if exit_code else "Completed",
        "startedAt": seen.started or seen.since,
        "finishedAt": seen.ended or seen.since,
        "containerID": identity,
    }
