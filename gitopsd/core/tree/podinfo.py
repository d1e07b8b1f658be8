"""A Pod as `kubectl get pods` shows it: status in one word, where it runs, ready containers, restarts, the last end.

The word follows kubectl's printer, which Argo CD's tree follows as well.
See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ and, for init containers that stay,
https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, text, value

_UNREACHABLE: Final = "NodeLost"


def pod_info(body: JsonObject) -> Iterator[tuple[str, str]]:
    """(name, text) of each item; an empty text says nothing."""
    inits, mains = objects(body, "status", "initContainerStatuses"), objects(body, "status", "containerStatuses")
    sidecars = _sidecars(body)
    total = len(objects(body, "spec", "containers")) + len(sidecars)
    ready = sum(_is_running(each) for each in mains)
    ready += sum(_is_running(each) for each in inits if text(each, "name") in sidecars)
    counted = [each for each in inits if text(each, "name") in sidecars] if _initialised(body, sidecars) else inits
    restarts = sum(integer(each, "restartCount") for each in [*counted, *mains])
    yield "Status Reason", status_reason(body)
    yield "Node", text(body, "spec", "nodeName")
    yield "Containers", f"{ready}/{total}"
    yield "Restart Count", str(restarts) if restarts else ""
    yield "Last Termination", _last_end([*mains, *inits])


def status_reason(body: JsonObject) -> str:
    """The one word: Running, CrashLoopBackOff, Init:1/2, Terminating, …"""
    if text(body, "metadata", "deletionTimestamp"):
        return "Unknown" if text(body, "status", "reason") == _UNREACHABLE else "Terminating"
    reason = text(body, "status", "reason") or text(body, "status", "phase")
    return _initialising(body, _sidecars(body)) or _running(body, reason)


def _initialising(body: JsonObject, sidecars: frozenset[str]) -> str:
    """`Init:…` for the first init container that is not through; "" if all are."""
    statuses = objects(body, "status", "initContainerStatuses")
    for index, status in enumerate(statuses):
        ended, waits = mapping(status, "state", "terminated"), mapping(status, "state", "waiting")
        if _is_through(status, sidecars):
            continue
        if ended:
            return f"Init:{_end(ended)}"
        reason = text(waits, "reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(objects(body, 'spec', 'initContainers'))}"
    return ""


def _initialised(body: JsonObject, sidecars: frozenset[str]) -> bool:
    return all(_is_through(each, sidecars) for each in objects(body, "status", "initContainerStatuses"))


def _is_through(status: JsonObject, sidecars: frozenset[str]) -> bool:
    if text(status, "name") in sidecars:
        return boolean(status, "started")
    ended = mapping(status, "state", "terminated")
    return bool(ended) and integer(ended, "exitCode") == 0


def _running(body: JsonObject, reason: str) -> str:
    """The state of the first container that has something to say; the phase if none has."""
    some_run = False
    for status in reversed(objects(body, "status", "containerStatuses")):
        ended = mapping(status, "state", "terminated")
        waits = text(status, "state", "waiting", "reason")
        if waits:
            reason = waits
        elif ended:
            reason = _end(ended)
        elif _is_running(status):
            some_run = True
    if reason == "Completed" and some_run:
        return "Running" if _is_ready(body) else "NotReady"
    return reason


def _end(ended: Mapping[str, object]) -> str:
    """Why a container ended: its reason, else by which signal, else with which code."""
    reason = ended.get("reason")
    if isinstance(reason, str) and reason:
        return reason
    signal = ended.get("signal")
    return f"Signal:{signal}" if isinstance(signal, int) and signal else f"ExitCode:{ended.get('exitCode', 0)}"


def _last_end(statuses: list[JsonObject]) -> str:
    """How the container ended that ended last, for those that were started again."""
    ends = [(mapping(each, "lastState", "terminated"), text(each, "name")) for each in statuses]
    told = [(text(end, "finishedAt"), name, end) for end, name in ends if end]
    if not told:
        return ""
    when, name, end = max(told, key=lambda item: item[:2])
    code = f" (exit code {integer(end, 'exitCode')})" if text(end, "reason") else ""
    return f"{name}: {_end(end)}{code}" + (f" at {when}" if when else "")


def _is_running(status: JsonObject) -> bool:
    return boolean(status, "ready") and value(status, "state", "running") is not None


def _is_ready(body: JsonObject) -> bool:
    conditions = objects(body, "status", "conditions")
    return any(text(each, "type") == "Ready" and text(each, "status") == "True" for each in conditions)


def _sidecars(body: JsonObject) -> frozenset[str]:
    """Init containers that run on beside the others."""
    containers = objects(body, "spec", "initContainers")
    return frozenset(text(each, "name") for each in containers if text(each, "restartPolicy") == "Always")
