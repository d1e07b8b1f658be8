"""Traces on their way to a collector that is there, is slow, or is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from gitopsd.tracing.delivery import Delivered, Delivery
from gitopsd.tracing.otlp import Otlp
from gitopsd.tracing.values import SpanValue
from tests.tracing.collector import DEADLINE, Collector, attributes, collecting, seconds

ROOT = SpanValue("reconcile", 7 << 64, 5, 0, 1_000_000_000, 3_000_000_000, {"gitopsd.application": "shop"})
PART = SpanValue(
    "apply", 7 << 64, 6, 5, 1_500_000_000, 2_500_000_000, {"gitopsd.kinds": ("Secret=1",)}, "ClusterError", [(9, 8)]
)


@dataclass
class Sink:
    """Takes spans; waits while it is not `open`."""

    batches: list[int] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    why: str = ""
    came: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, spans: Sequence[SpanValue]) -> str:
        with self.came:
            self.batches.append(len(spans))
            self.came.notify_all()
        assert self.open.wait(DEADLINE)
        return self.why

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.batches) >= count, DEADLINE)


@contextmanager
def delivering(sink: Sink, told: list[str], **limits: float) -> Iterator[Delivery]:
    delivery = Delivery(sink, told.append, **limits)  # type: ignore[arg-type]  # numbers by name
    delivery.start()
    try:
        yield delivery
    finally:
        sink.open.set()
        delivery.end(DEADLINE)


def spans(count: int) -> list[SpanValue]:
    return [ROOT] * count


def test_traces_go_together_after_a_while() -> None:
    sink = Sink()
    with delivering(sink, [], delay=0.2) as delivery:
        delivery.put(spans(2))
        delivery.put(spans(3))
        sink.wait_for(1)
    assert sink.batches == [5]
    assert delivery.delivered() == Delivered(5, 0)


def test_a_full_batch_goes_at_once() -> None:
    sink = Sink()
    with delivering(sink, [], at_once=4, delay=3600.0) as delivery:
        for _ in range(4):
            delivery.put(spans(1))
        sink.wait_for(1)
    assert sink.batches == [4]


def test_a_collector_that_does_not_answer_blocks_nobody_and_what_does_not_fit_in_is_counted() -> None:
    sink = Sink()
    sink.open.clear()
    with delivering(sink, [], most=10, at_once=5, delay=0.01) as delivery:
        delivery.put(spans(5))
        sink.wait_for(1)
        slow = 0
        for _ in range(1000):
            began = time.perf_counter()
            delivery.put(spans(2))
            slow += time.perf_counter() - began > 0.02
        assert slow < 20  # the machine may be busy with others; a wait would be one each time
        assert delivery.delivered() == Delivered(0, 1990)
    assert delivery.delivered() == Delivered(15, 1990)


def test_trouble_is_told_once_and_that_it_is_over() -> None:
    sink, told = Sink(why="no collector"), list[str]()
    with delivering(sink, told, at_once=1) as delivery:
        for number in range(1, 4):
            delivery.put(spans(1))
            sink.wait_for(number)
        sink.why = ""
        delivery.put(spans(1))
        sink.wait_for(4)
    assert told == ["no collector", ""]
    assert delivery.delivered().sent + delivery.delivered().lost == 4


def test_a_library_that_breaks_costs_one_batch() -> None:
    told: list[str] = []

    def broken(_spans: Sequence[SpanValue]) -> str:
        raise RuntimeError("a bug")

    delivery = Delivery(broken, told.append, at_once=1)
    delivery.start()
    delivery.put(spans(1))
    delivery.put(spans(1))
    delivery.end(DEADLINE)
    assert (delivery.delivered(), told) == (Delivered(0, 2), ["RuntimeError: a bug"])


def test_the_end_sends_what_waits() -> None:
    sink = Sink()
    with delivering(sink, [], delay=3600.0) as delivery:
        delivery.put(spans(3))
    assert sink.batches == [3]
    delivery.put(spans(1))
    assert delivery.delivered() == Delivered(3, 1)


def test_the_end_does_not_wait_for_a_collector_that_does_not_answer() -> None:
    sink = Sink()
    sink.open.clear()
    delivery = Delivery(sink, lambda _: None, at_once=1)
    delivery.start()
    delivery.put(spans(1))
    sink.wait_for(1)
    began = time.monotonic()
    delivery.end(0.1)
    assert time.monotonic() - began < DEADLINE / 3
    sink.open.set()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def test_a_collector_gets_what_was_recorded(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    exporter = Otlp(collector.url, {"authorization": "Bearer t0ken"}, insecure=False, version="1.2.3")
    assert exporter.send([PART, ROOT]) == ""
    apply, reconcile = collector.wait_for(2)
    assert (reconcile.name, attributes(reconcile), seconds(reconcile)) == ("reconcile", {"application": "shop"}, 2.0)
    assert reconcile.parent_span_id == b""
    assert apply.trace_id == reconcile.trace_id == (7 << 64).to_bytes(16, "big")
    assert apply.parent_span_id == reconcile.span_id == (5).to_bytes(8, "big")
    assert (seconds(apply), attributes(apply)) == (1.0, {"kinds": ["Secret=1"]})
    assert (apply.status.code, apply.status.message) == (Status.STATUS_CODE_ERROR, "ClusterError")
    assert [(link.trace_id, link.span_id) for link in apply.links] == [
        ((9).to_bytes(16, "big"), (8).to_bytes(8, "big"))
    ]
    (resource,) = collector.resources
    assert {key: resource[key] for key in ("service.name", "service.version", "deployment.environment")} == {
        "service.name": "gitopsd",
        "service.version": "1.2.3",
        "deployment.environment": "test",
    }
    assert collector.paths == ["/v1/traces"]
    assert collector.headers[0]["authorization"] == "Bearer t0ken"
    exporter.close()


def test_the_environment_says_what_the_configuration_does_not(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=one")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gitopsd-blue")
    exporter = Otlp("", {}, insecure=False, version="1")
    assert exporter.send([ROOT]) == ""
    assert collector.resources[0]["service.name"] == "gitopsd-blue"
    assert collector.headers[0]["x-tenant"] == "one"
    assert collector.headers[0]["content-encoding"] == "gzip"
    exporter.close()


def test_a_path_of_its_own_is_left_as_it_is(collector: Collector) -> None:
    exporter = Otlp(f"{collector.url}/otlp/traces", {}, insecure=False, version="1")
    assert exporter.send([ROOT]) == ""
    assert collector.paths == ["/otlp/traces"]
    exporter.close()


def test_a_collector_that_refuses_is_trouble(collector: Collector) -> None:
    collector.status = 400
    exporter = Otlp(collector.url, {}, insecure=False, version="1")
    assert exporter.send([ROOT]) == "the collector did not take them"
    exporter.close()


def test_a_collector_that_is_not_there_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    exporter = Otlp(f"http://127.0.0.1:{port}", {}, insecure=False, version="1")
    began = time.monotonic()
    assert exporter.send([ROOT]) != ""
    assert time.monotonic() - began < DEADLINE / 2
    exporter.close()
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
