"""Traces as they are recorded: which are kept, what hangs below what, and what it costs not to have any."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from gitopsd.core.errors import ClusterError, SourceError
from gitopsd.ports.tracer import NO_SPAN, NO_TRACER, Tracer
from gitopsd.tracing import Recording
from gitopsd.tracing.recording import MOST_SPANS
from gitopsd.tracing.values import SpanValue

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
BEGINNING_NS = int(BEGINNING.timestamp()) * 1_000_000_000


@dataclass
class Clock:
    """Stands still until it is moved; `set_by` seconds it was put wrong."""

    seconds: float = 1000.0
    set_by: float = 0.0

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds - 1000.0 + self.set_by)

    def monotonic(self) -> float:
        return self.seconds

    def jitter(self, seconds: float) -> float:
        return seconds * 0.0


@dataclass
class World:
    """Records, and holds what came out."""

    clock: Clock = field(default_factory=Clock)
    traces: list[list[SpanValue]] = field(default_factory=list)
    ratio: float = 1.0

    def __post_init__(self) -> None:
        self.tracer = Recording(lambda spans: self.traces.append(list(spans)), self.clock, ratio=self.ratio)

    def only(self) -> list[SpanValue]:
        (found,) = self.traces
        return found


def test_a_pass_is_a_tree_with_parents_and_durations() -> None:
    world = World()
    with world.tracer.reconcile("shop", "team") as root:
        root.keep()
        with world.tracer.span("compare") as compare:
            compare.note(objects=3)
            world.clock.seconds += 0.5
        with world.tracer.span("apply") as apply, world.tracer.span("stage"):
            apply.note(kinds=["Deployment=1"])
            world.clock.seconds += 2.0
    found = {span.name: span for span in world.only()}
    reconcile = found["reconcile"]
    assert (reconcile.parent, reconcile.attributes) == (0, {"gitopsd.application": "shop", "gitopsd.project": "team"})
    assert found["compare"].parent == found["apply"].parent == reconcile.span_id
    assert found["stage"].parent == found["apply"].span_id
    assert (found["compare"].began_ns, found["compare"].ended_ns) == (BEGINNING_NS, BEGINNING_NS + 500_000_000)
    assert found["apply"].ended_ns - found["apply"].began_ns == 2_000_000_000
    assert found["apply"].attributes == {"gitopsd.kinds": ("Deployment=1",)}
    assert len({span.trace_id for span in found.values()}) == 1
    assert world.only()[-1] is reconcile


def test_a_pass_that_does_nothing_makes_no_trace() -> None:
    world = World()
    with world.tracer.fetch("https://git.example.org/app.git") as fetch:
        pass
    with world.tracer.reconcile("shop", "team"), world.tracer.span("compare"):
        world.tracer.fetched([fetch])
    assert world.traces == []


def test_a_trace_has_an_id_for_others_only_once_it_is_kept() -> None:
    world = World()
    assert world.tracer.current() == ""
    with world.tracer.reconcile("shop", "team"):
        assert world.tracer.current() == ""
        with world.tracer.span("apply") as apply:
            apply.keep()
            shown = world.tracer.current()
    assert shown == f"{world.only()[-1].trace_id:032x}"
    assert world.tracer.current() == ""


def test_what_fails_is_kept_and_says_what_but_not_why() -> None:
    world = World()
    with world.tracer.reconcile("shop", "team") as root:
        root.fail(ClusterError("Secret shop/db was refused", why='invalid value: "hunter2"'))
    assert world.only()[0].error == "ClusterError: Secret shop/db was refused"
    world.traces.clear()
    with pytest.raises(ValueError, match="x"), world.tracer.reconcile("shop", "team"), world.tracer.span("render"):
        raise ValueError("hunter2 x")
    assert [span.error for span in world.only()] == ["ValueError", "ValueError"]


def test_two_passes_at_once_do_not_mix() -> None:
    world = World()

    async def one(name: str, first: anyio.Event, second: anyio.Event) -> None:
        with world.tracer.reconcile(name, "team") as root:
            root.keep()
            first.set()
            await second.wait()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(part, name)

    async def part(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        with world.tracer.span(f"part of {name}"):
            await anyio.lowlevel.checkpoint()

    async def both() -> None:
        a, b = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, "a", a, b)
            tasks.start_soon(one, "b", b, a)

    anyio.run(both)
    for trace in world.traces:
        part_of, whole = trace
        assert part_of.name == f"part of {whole.attributes['gitopsd.application']}"
        assert part_of.parent == whole.span_id


def test_applications_that_share_a_fetch_show_it_and_are_linked_to_it() -> None:
    world = World()
    with world.tracer.fetch("https://bot:hunter2@git.example.org/app.git") as fetch:
        fetch.keep()
        world.clock.seconds += 1.0
    world.clock.seconds += 3.0
    for name in ("a", "b"):
        with world.tracer.reconcile(name, "team") as root:
            root.keep()
            world.tracer.fetched([fetch, None, NO_SPAN])
            world.clock.seconds += 2.0
    shared, *passes = world.traces
    (origin,) = shared
    assert origin.attributes == {"gitopsd.repository": "https://git.example.org/app.git"}
    for trace, waited in zip(passes, (3.0, 5.0), strict=True):
        part, whole = trace
        assert (part.name, part.parent, part.trace_id) == ("fetch", whole.span_id, whole.trace_id)
        assert part.links == [(origin.trace_id, origin.span_id)]
        assert (part.began_ns, part.ended_ns) == (origin.began_ns, origin.ended_ns)
        assert whole.began_ns == part.began_ns
        assert whole.attributes["gitopsd.queued_seconds"] == waited


def test_a_commit_that_was_found_long_ago_is_no_part_of_the_pass() -> None:
    world = World()
    with world.tracer.fetch("https://git.example.org/app.git") as fetch:
        fetch.keep()
    world.clock.seconds += 86_400.0
    with world.tracer.reconcile("a", "team") as root:
        root.keep()
        world.tracer.fetched([fetch])
    assert [span.name for span in world.traces[1]] == ["reconcile"]


def test_a_clock_that_is_set_tears_no_trace_apart() -> None:
    world = World()
    with world.tracer.reconcile("a", "team") as root:
        root.keep()
        world.clock.seconds += 1.0
        world.clock.set_by = -3600.0
        with world.tracer.span("compare"):
            world.clock.seconds += 1.0
    compare, reconcile = world.only()
    assert reconcile.began_ns < compare.began_ns < compare.ended_ns <= reconcile.ended_ns


def test_a_trace_is_bounded_and_says_what_it_left_out() -> None:
    world = World()
    with world.tracer.reconcile("a", "team") as root:
        root.keep()
        root.note(text="x" * 10_000, many=[str(number) for number in range(1000)])
        for _ in range(MOST_SPANS + 7):
            with world.tracer.span("stage"):
                pass
    found = world.only()
    assert len(found) == MOST_SPANS + 1
    assert found[-1].attributes["gitopsd.spans_left_out"] == 7
    assert len(str(found[-1].attributes["gitopsd.text"])) == 300
    assert len(found[-1].attributes["gitopsd.many"]) == 50  # type: ignore[arg-type]  # a tuple of texts, as noted above


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.0, 0, 0), (0.25, 150, 350), (1.0, 1000, 1000)])
def test_a_share_of_the_traces_is_recorded(ratio: float, least: int, most: int) -> None:
    world = World(ratio=ratio)
    for _ in range(1000):
        with world.tracer.reconcile("a", "team") as root:
            root.keep()
            with world.tracer.span("compare"):
                pass
    assert least <= len(world.traces) <= most
    assert {len(trace) for trace in world.traces} <= {2}


def test_a_part_of_nothing_is_nothing() -> None:
    world = World()
    with world.tracer.span("render") as span:
        assert not span.recording
    world.tracer.fetched([])
    assert world.traces == []


def test_a_failed_fetch_is_shown_with_its_error() -> None:
    world = World()
    with (
        pytest.raises(SourceError),
        world.tracer.fetch("https://git.example.org/app.git"),
    ):
        raise SourceError("the repository cannot be reached", why="timed out")
    assert world.only()[0].error == "SourceError: the repository cannot be reached"


def _pass(tracer: Tracer) -> None:
    with tracer.reconcile("shop", "team") as root:
        with tracer.span("compare") as compare:
            if compare.recording:
                compare.note(objects=3)
        if root.recording:
            root.note(sync="Synced")


def _microseconds(work: Callable[[], None]) -> float:
    rounds, least = 2000, float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(rounds):
            work()
        least = min(least, (time.perf_counter() - began) / rounds)
    return least * 1e6


def test_without_traces_a_pass_costs_next_to_nothing_more() -> None:
    """A pass that finds nothing new takes some 300 µs: a traced one may add a few per cent, an untraced one nothing."""
    off = _microseconds(lambda: _pass(NO_TRACER))
    on = _microseconds(lambda: _pass(TRACER))
    assert off < 5.0, f"{off:.2f} µs"
    assert on < 100.0, f"{on:.2f} µs"


TRACER = World().tracer
