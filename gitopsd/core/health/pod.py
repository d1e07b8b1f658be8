"""Pods."""

from __future__ import annotations

from gitopsd.core.health.condition import conditions_of, find, find_true
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing, unknown

IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
_HOOK_ANNOTATIONS = ("argocd.argoproj.io/hook", "helm.sh/hook")


def pod(live: Fields) -> Health:
    """The health of a pod that is no hook, unless its own annotations say that it is one.

    `restartPolicy: Always` means a pod that shall stay: Ready is Healthy, a container that cannot start or that ended
    is Degraded. Other pods are to end, and are Progressing until they do. The annotation
    `argocd.argoproj.io/ignore-restart-policy: "true"` has them judged as pods that stay (some operators set `Never`).
    """
    annotations = live.strings("metadata", "annotations")
    if any(annotation in annotations for annotation in _HOOK_ANNOTATIONS):
        return hook_pod(live)
    return _health(live, stays=_restarts(live) or annotations.get(IGNORE_RESTART_POLICY) == "true")


def hook_pod(live: Fields) -> Health:
    """The health of a pod that runs as a hook.

    Its restart policy counts, whatever the annotations say: were a hook Degraded because its image is not there yet,
    the sync would fail and the hook would still run later.
    """
    return _health(live, stays=_restarts(live))


def _restarts(live: Fields) -> bool:
    return live.text("spec", "restartPolicy") == "Always"


def _health(live: Fields, *, stays: bool) -> Health:
    if stays:
        stuck = [_waiting(container) for container in live.each("status", "containerStatuses") if _is_stuck(container)]
        if stuck:
            return degraded(", ".join(stuck))
    said = live.text("status", "message")
    match live.text("status", "phase"):
        case "Pending":
            return progressing(said or _pending_message(live))
        case "Succeeded":
            return healthy(said)
        case "Failed":
            return degraded(said or _failure_message(live))
        case "Running":
            return _running_health(live, said, stays=stays)
        case phase:
            return unknown(said or (f"Phase {phase} is not known" if phase else "status.phase is not set"))


def _running_health(live: Fields, said: str, *, stays: bool) -> Health:
    if not stays:
        policy = live.text("spec", "restartPolicy")
        if policy in ("Never", "OnFailure"):
            return progressing(said or "Running until it ends")
        return unknown(said or f'spec.restartPolicy "{policy}" is not known')
    conditions = conditions_of(live)
    if find_true(conditions, "Ready") is not None:
        return healthy(said)
    for container in live.each("status", "containerStatuses"):
        if container.present("lastState", "terminated"):
            return degraded(said or _restart_message(container))
    ready = find(conditions, "Ready")
    return progressing(said or (ready.said if ready is not None else "") or "Waiting to be ready")


def _is_stuck(container: Fields) -> bool:
    """Whether the kubelet says that it cannot start (ErrImagePull, CreateContainerError, CrashLoopBackOff)."""
    reason = container.text("state", "waiting", "reason")
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _waiting(container: Fields) -> str:
    waiting = container.under("state", "waiting")
    reason, said = waiting.text("reason"), waiting.text("message")
    cause = f"{reason}: {said}" if reason and said else reason or said
    return f'Container "{container.text("name")}" is waiting: {cause}'


def _pending_message(live: Fields) -> str:
    """What a pending pod waits for: a node, then an init container, then a container."""
    scheduled = find(conditions_of(live), "PodScheduled")
    if scheduled is not None and not scheduled.is_true:
        return f"Waiting for a node: {scheduled.said}" if scheduled.said else "Waiting for a node"
    for container in _all_containers(live):
        reason = container.text("state", "waiting", "reason")
        if reason and reason != "PodInitializing":
            return _waiting(container)
    return "Waiting to be started"


def _failure_message(live: Fields) -> str:
    messages = (_end_message(container) for container in _all_containers(live))
    return next(filter(None, messages), "") or live.text("status", "reason") or "The pod failed"


def _end_message(container: Fields) -> str:
    """How a container ended, "" if it runs or ended well."""
    ended = container.under("state", "terminated")
    code, reason, said = ended.integer("exitCode"), ended.text("reason"), ended.text("message")
    if said:
        return said
    if reason == "OOMKilled":
        return f'Container "{container.text("name")}" was OOMKilled: it used more memory than its limit'
    return f'Container "{container.text("name")}" failed with exit code {code}' if code else ""


def _restart_message(container: Fields) -> str:
    last = container.under("lastState", "terminated")
    how = f"exit code {last.integer('exitCode')}" + (f", {last.text('reason')}" if last.text("reason") else "")
    restarts = container.integer("restartCount")
    return (
        f'Container "{container.text("name")}" ended before with {how} (restarts: {restarts}), and the pod is not ready'
    )


def _all_containers(live: Fields) -> tuple[Fields, ...]:
    return live.each("status", "initContainerStatuses") + live.each("status", "containerStatuses")
