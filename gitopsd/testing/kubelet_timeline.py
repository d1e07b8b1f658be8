"""What happens to a pod and when, worked out without a clock: moments in order, each with the containers it changes.

A timeline may have no end (a container that crashes is started again for ever), so it is generated as it is needed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from gitopsd.testing.kubelet_plan import Behaviour, ContainerPlan, PodPlan

# The kubelet's own: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
FIRST_BACKOFF_SECONDS: Final = 10.0
LONGEST_BACKOFF_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container at one moment. `exit_code`: of this end, or of the one before; None if it has never ended.

    `is_final`: it is not started again.
    """

    name: str
    phase: Literal["waiting", "running", "terminated"] = "waiting"
    reason: str = "ContainerCreating"
    message: str = ""
    is_ready: bool = False
    restarts: int = 0
    exit_code: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """`states` become true `at` so many seconds after the pod was given to the kubelet."""

    at: float
    states: tuple[ContainerState, ...]


def timeline(plan: PodPlan, *, backoff: float = FIRST_BACKOFF_SECONDS, resumed: bool = False) -> Iterator[Moment]:
    """The moments of a pod, the first one at 0.

    `backoff`: seconds between the second end of a container and its next start, doubled from there on. `resumed`: its
    containers were started before (by a kubelet that ended); they are found running at 0.
    """
    reason = "PodInitializing" if plan.inits else "ContainerCreating"
    at = 0.0
    if not resumed:
        yield Moment(0.0, tuple(ContainerState(each.name, reason=reason) for each in (*plan.inits, *plan.containers)))
    sidecars: list[Iterator[tuple[float, ContainerState]]] = []
    for init in plan.inits:
        if not init.ends:
            sidecars.append(_life(init, at, backoff, resumed=resumed))
            continue
        done = False
        for moment, state in _life(init, at, backoff, resumed=resumed):
            yield Moment(moment, (state,))
            at, done = moment, state.is_final and state.exit_code == 0
        if not done:
            return
    mains = [_life(each, at, backoff, resumed=resumed) for each in plan.containers]
    yield from _together(heapq.merge(*sidecars, *mains, key=_moment_of))


def _together(events: Iterator[tuple[float, ContainerState]]) -> Iterator[Moment]:
    """One moment for all events of the same time."""
    at, states = 0.0, list[ContainerState]()
    for moment, state in events:
        if states and moment != at:
            yield Moment(at, tuple(states))
            states = []
        at = moment
        states.append(state)
    if states:
        yield Moment(at, tuple(states))


def _moment_of(event: tuple[float, ContainerState]) -> float:
    return event[0]


def _life(
    plan: ContainerPlan, start: float, backoff: float, *, resumed: bool
) -> Iterator[tuple[float, ContainerState]]:
    at = start if resumed else start + plan.delay
    if plan.behaviour is Behaviour.IMAGE_PULL_ERROR:
        yield from _unpullable(plan, at)
        return
    running = ContainerState(plan.name, "running", reason="")
    if plan.behaviour in (Behaviour.HANG, Behaviour.UNREADY):
        yield at, running
    elif plan.ends:
        yield from _ending(plan, running, at, backoff)
    elif plan.is_probed and not resumed:
        yield at, running
        yield at + plan.delay, replace(running, is_ready=True)
    else:
        yield at, replace(running, is_ready=True)


def _unpullable(plan: ContainerPlan, at: float) -> Iterator[tuple[float, ContainerState]]:
    why = f'failed to pull and unpack image "{plan.image}": not found'
    yield at, ContainerState(plan.name, reason="ErrImagePull", message=why)
    why = f'Back-off pulling image "{plan.image}": ErrImagePull: {why}'
    yield at + plan.delay, ContainerState(plan.name, reason="ImagePullBackOff", message=why)


def _ending(
    plan: ContainerPlan, running: ContainerState, at: float, backoff: float
) -> Iterator[tuple[float, ContainerState]]:
    """Runs for one delay and ends, again and again as its restart policy says; the first restart comes at once."""
    restarts = 0
    exit_code: int | None = None
    pause = 0.0
    while True:
        is_ready = plan.behaviour is Behaviour.RUN and not plan.is_probed
        yield at, replace(running, is_ready=is_ready, restarts=restarts, exit_code=exit_code)
        at += plan.delay
        exit_code = plan.exit_code
        again = plan.restarts and (exit_code != 0 or plan.on_success)
        ended = ContainerState(
            plan.name,
            "terminated",
            reason="Error" if exit_code else "Completed",
            restarts=restarts,
            exit_code=exit_code,
            is_final=not again,
        )
        if not again or not restarts:
            yield at, ended
        if not again:
            return
        if restarts:
            pause = min(pause * 2 or backoff, LONGEST_BACKOFF_SECONDS)
            why = f"back-off {pause:g}s restarting failed container={plan.name}"
            yield at, replace(ended, phase="waiting", reason="CrashLoopBackOff", message=why)
        at += pause or plan.delay
        restarts += 1
