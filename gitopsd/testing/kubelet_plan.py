"""What a pod asks of the fake kubelet: its containers, and the annotations that say how they shall fare.

    kubelet.gitopsd.io/behaviour   run               starts and becomes Ready; ends if its restart policy is not Always
                                   crash             ends soon after each start, before it is Ready (exit code 1)
                                   hang              runs, never is Ready, never ends, and sits out its grace period
                                   image-pull-error  never starts: ErrImagePull, ImagePullBackOff
                                   unready           runs, and never is Ready
    kubelet.gitopsd.io/delay       how long each step takes: 100ms, 2s, 1m
    kubelet.gitopsd.io/exit-code   what a container that ends exits with
    kubelet.gitopsd.io/logs        the lines that each start writes to the log

They hold for the containers of the pod, not for its init containers; `behaviour.NAME` (and so on) holds for the
container NAME alone, whichever sort it is.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, integer, objects, sequence, string_map, text, value

PREFIX: Final = "kubelet.gitopsd.io/"
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)")


class Behaviour(enum.StrEnum):
    """How a container fares."""

    RUN = "run"
    CRASH = "crash"
    HANG = "hang"
    IMAGE_PULL_ERROR = "image-pull-error"
    UNREADY = "unready"


class BadAnnotation(ValueError):  # noqa: N818  # named for what it found
    """An annotation of ours that cannot be understood; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container. `delay` in seconds; `ends`: it is to exit by itself; `restarts`: it is started again if it does.

    `on_success` says whether an exit code of 0 is followed by a restart too.
    """

    name: str
    image: str
    behaviour: Behaviour
    delay: float
    exit_code: int
    logs: tuple[str, ...]
    is_probed: bool
    ends: bool
    restarts: bool
    on_success: bool


@dataclass(frozen=True, slots=True)
class PodPlan:
    """All containers of a pod; init containers run one after the other, the others side by side.

    `refused`: why none of them is started.
    """

    inits: tuple[ContainerPlan, ...] = ()
    containers: tuple[ContainerPlan, ...] = ()
    refused: str = ""

    @property
    def hangs(self) -> bool:
        """Whether it does not end when told to."""
        return any(each.behaviour is Behaviour.HANG for each in (*self.inits, *self.containers))


def pod_plan(pod: JsonObject, delay: float) -> PodPlan:
    """The plan of `pod` (a Pod object); `delay` (s) is for pods that do not say. Raises `BadAnnotation`."""
    annotations = string_map(pod, "metadata", "annotations")
    policy = text(pod, "spec", "restartPolicy") or "Always"
    return PodPlan(
        inits=tuple(_init(each, annotations, policy, delay) for each in objects(pod, "spec", "initContainers")),
        containers=tuple(_main(each, annotations, policy, delay) for each in objects(pod, "spec", "containers")),
    )


def seconds(duration: str) -> float:
    """`100ms`, `2s`, `1m` in seconds. Raises `BadAnnotation`."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise BadAnnotation(f"{duration!r} is no duration such as 100ms, 2s or 1m")
    return float(found[1]) * _UNITS[found[2]]


def node_wanted(pod: JsonObject) -> str:
    """The node that a DaemonSet's pod is for: it names it by a node affinity on metadata.name. "" for other pods.

    https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#how-daemon-pods-are-scheduled
    """
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in objects(pod, "spec", "affinity", "nodeAffinity", required, "nodeSelectorTerms"):
        for match in objects(term, "matchFields"):
            names = sequence(match, "values")
            if text(match, "key") == "metadata.name" and text(match, "operator") == "In" and names:
                return str(names[0])
    return ""


def _init(container: JsonObject, annotations: Mapping[str, str], policy: str, delay: float) -> ContainerPlan:
    is_sidecar = text(container, "restartPolicy") == "Always"
    own = _Told(annotations, text(container, "name"), for_pod=is_sidecar)
    restarts = is_sidecar or policy != "Never"
    return _plan(container, own, delay, ends=not is_sidecar, restarts=restarts, on_success=is_sidecar)


def _main(container: JsonObject, annotations: Mapping[str, str], policy: str, delay: float) -> ContainerPlan:
    own = _Told(annotations, text(container, "name"), for_pod=True)
    stays = policy == "Always"
    return _plan(container, own, delay, ends=not stays, restarts=policy != "Never", on_success=stays)


@dataclass(frozen=True, slots=True)
class _Told:
    """The annotations as they hold for one container."""

    annotations: Mapping[str, str]
    container: str
    for_pod: bool

    def get(self, key: str) -> str:
        own = self.annotations.get(f"{PREFIX}{key}.{self.container}")
        if own is None and self.for_pod:
            own = self.annotations.get(f"{PREFIX}{key}")
        return (own or "").strip("\n")


def _plan(
    container: JsonObject, told: _Told, delay: float, *, ends: bool, restarts: bool, on_success: bool
) -> ContainerPlan:
    behaviour = _behaviour(told.get("behaviour"))
    own_delay, code = told.get("delay"), told.get("exit-code").strip()
    if code and not (code.isascii() and code.isdigit() and int(code) < 256):
        raise BadAnnotation(f"{PREFIX}exit-code: {code!r} is no number between 0 and 255")
    return ContainerPlan(
        name=text(container, "name"),
        image=text(container, "image"),
        behaviour=behaviour,
        delay=seconds(own_delay) if own_delay else delay,
        exit_code=int(code) if code else int(behaviour is Behaviour.CRASH),
        logs=tuple(told.get("logs").splitlines()),
        is_probed=value(container, "readinessProbe") is not None,
        ends=ends or behaviour is Behaviour.CRASH,
        restarts=restarts,
        on_success=on_success,
    )


def _behaviour(told: str) -> Behaviour:
    try:
        return Behaviour(told.strip() or Behaviour.RUN)
    except ValueError:
        raise BadAnnotation(f"{PREFIX}behaviour: {told!r} is none of {', '.join(Behaviour)}") from None


def grace_seconds(pod: JsonObject) -> int:
    """How long `pod`, which is being deleted, may take to end."""
    return integer(pod, "metadata", "deletionGracePeriodSeconds")
