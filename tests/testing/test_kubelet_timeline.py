"""Pods' plans and timelines, without a cluster."""

from __future__ import annotations

from itertools import islice

import pytest

from gitopsd.testing.kubelet_plan import BadAnnotation, node_wanted, pod_plan, seconds
from gitopsd.testing.kubelet_timeline import Moment, timeline
from tests.testing.pods import a_pod


def _moments(count: int, *, restart_policy: str = "Always", resumed: bool = False, **annotations: str) -> list[Moment]:
    told = {key.replace("_", "-"): text for key, text in annotations.items()}
    plan = pod_plan(a_pod("web", annotations=told, restartPolicy=restart_policy), 1.0)
    return list(islice(timeline(plan, resumed=resumed), count))


def _story(moments: list[Moment]) -> list[tuple[float, str, int]]:
    return [
        (moment.at, state.reason or ("ready" if state.is_ready else state.phase), state.restarts)
        for moment in moments
        for state in moment.states
    ]


def test_a_pod_that_stays_has_an_end_of_news() -> None:
    assert _story(_moments(9)) == [(0, "ContainerCreating", 0), (1, "ready", 0)]


def test_a_pod_found_running_is_ready_at_once() -> None:
    assert _story(_moments(9, resumed=True)) == [(0, "ready", 0)]


def test_the_back_off_doubles_as_a_kubelets_does() -> None:
    pauses = [
        state.message.partition(" ")[2].partition(" ")[0]
        for moment in _moments(30, behaviour="crash")
        for state in moment.states
        if state.reason == "CrashLoopBackOff"
    ]
    assert pauses[:7] == ["10s", "20s", "40s", "80s", "160s", "300s", "300s"]


@pytest.mark.parametrize(
    ("policy", "code", "end"),
    [("Never", "0", "Completed"), ("Never", "1", "Error"), ("OnFailure", "0", "Completed")],
)
def test_pods_that_are_to_end_do(policy: str, code: str, end: str) -> None:
    story = _story(_moments(9, restart_policy=policy, exit_code=code))
    assert story == [(0, "ContainerCreating", 0), (1, "ready", 0), (2, end, 0)]


def test_on_failure_starts_again() -> None:
    assert max(restarts for _, _, restarts in _story(_moments(9, restart_policy="OnFailure", exit_code="1"))) > 1


def test_a_crash_without_any_delay_still_comes_to_its_back_off() -> None:
    assert "CrashLoopBackOff" in {reason for _, reason, _ in _story(_moments(3, behaviour="crash", delay="0s"))}


@pytest.mark.parametrize(
    ("annotation", "text"),
    [("behaviour", "explode"), ("delay", "soon"), ("delay", "-1s"), ("exit-code", "256"), ("exit-code", "²")],
)
def test_annotations_that_make_no_sense_are_refused(annotation: str, text: str) -> None:
    with pytest.raises(BadAnnotation):
        pod_plan(a_pod("web", annotations={annotation: text}), 1.0)


def test_durations_are_read() -> None:
    assert [seconds(each) for each in ("100ms", "1.5s", "2m")] == [0.1, 1.5, 120.0]


def test_a_daemon_pod_names_its_node() -> None:
    match = {"key": "metadata.name", "operator": "In", "values": ["node-7"]}
    required = {"nodeSelectorTerms": [{"matchFields": [match]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    assert node_wanted({"spec": {"affinity": affinity}}) == "node-7"
    assert node_wanted({"spec": {"affinity": None}}) == ""
