"""Traces of a running daemon, as a collector gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anyio
import anyio.to_thread
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.child import child
from tests.e2e.conditions import healthy, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World
from tests.tracing.collector import Collector, attributes, collecting, seconds

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: hunter2-canary}
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def traces(spans: Sequence[Span]) -> dict[bytes, dict[str, Span]]:
    """Trace → its spans by name; of several with one name the last."""
    found: dict[bytes, dict[str, Span]] = {}
    for span in spans:
        found.setdefault(span.trace_id, {})[span.name] = span
    return found


async def passes(collector: Collector, *parts: str, count: int = 1) -> list[dict[str, Span]]:
    """The traces of passes with all these parts, as soon as there are so many."""

    def look() -> list[dict[str, Span]]:
        with collector.came:
            found: list[dict[str, Span]] = []

            def enough() -> bool:
                found[:] = [each for each in traces(collector.spans).values() if {"reconcile", *parts} <= each.keys()]
                return len(found) >= count

            assert collector.came.wait_for(enough, 30), [(span.name, attributes(span)) for span in collector.spans]
            return found

    return await anyio.to_thread.run_sync(look)


async def test_a_sync_is_a_trace_of_fetch_render_compare_and_apply(world: World, collector: Collector) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": SECRET})
    world.application("app")
    world.config["tracing"] = {"endpoint": collector.url}
    world.environ |= SOON
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        (trace,) = await passes(collector, "fetch", "render", "compare", "apply")
    root = trace["reconcile"]
    assert root.parent_span_id == b""
    for name in ("fetch", "render", "compare", "apply"):
        part = trace[name]
        assert part.parent_span_id == root.span_id, name
        assert 0 < seconds(part) <= seconds(root), name
        assert root.start_time_unix_nano <= part.start_time_unix_nano
        assert part.end_time_unix_nano <= root.end_time_unix_nano
    told = attributes(root)
    assert (told["application"], told["project"], told["sync"], told["health"]) == (
        world.full("app"),
        "default",
        "Synced",
        "Healthy",
    )
    commit = str(told["revision"])
    assert len(commit) == 40
    assert str(told["cluster"]).startswith("https://127.0.0.1:")
    render = attributes(trace["render"])
    assert (render["objects"], render["kinds"], render["revision"]) == (2, ["ConfigMap=1", "Secret=1"], commit)
    apply = attributes(trace["apply"])
    assert (apply["kinds"], apply["results"]) == (["ConfigMap=1", "Namespace=1", "Secret=1"], ["Synced=3"])
    (link,) = trace["fetch"].links
    shared = next(span for span in collector.spans if span.span_id == link.span_id)
    assert (shared.name, shared.trace_id) == ("fetch", link.trace_id)
    assert not any(b"hunter2" in span.SerializeToString() for span in collector.spans)


async def test_applications_that_share_a_fetch_are_linked_to_the_same_one(world: World, collector: Collector) -> None:
    for name in ("one", "two"):
        world.commit({f"{name}/map.yaml": config_map(name)})
        world.application(name)
    world.config["tracing"] = {"endpoint": collector.url}
    world.environ |= SOON
    async with world.daemon() as daemon:
        await daemon.until("one", synced)
        await daemon.until("two", synced)
        both = await passes(collector, "fetch", "apply", count=2)
    assert {attributes(each["reconcile"])["application"] for each in both} == {world.full("one"), world.full("two")}
    linked = {each["fetch"].links[0].span_id for each in both}
    assert len(linked) == 1


async def test_a_pass_that_finds_nothing_new_makes_no_trace(world: World, collector: Collector) -> None:
    world.good()
    world.config["tracing"] = {"endpoint": collector.url}
    world.environ |= SOON
    async with world.daemon() as daemon:
        await daemon.until("good", synced, healthy)
        await passes(collector, "apply")
        before = len(collector.spans)
        for _ in range(3):
            await daemon.refresh("good")
    assert len(collector.spans) == before


async def test_a_failed_render_is_a_trace_with_its_error(world: World, collector: Collector) -> None:
    world.commit({"app/one.yaml": "kind: [\n"})
    world.application("app")
    world.config["tracing"] = {"endpoint": collector.url}
    world.environ |= SOON
    async with world.daemon():
        (trace, *_) = await passes(collector, "render")
    assert trace["render"].status.code == trace["reconcile"].status.code == Status.STATUS_CODE_ERROR
    assert "not valid YAML" in trace["render"].status.message


async def test_the_log_names_the_trace_and_the_metrics_lead_to_it(world: World, collector: Collector) -> None:
    world.good()
    world.config["log"] = {"level": "info", "format": "json"}
    environ = {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with child(world, environ=environ) as daemon:
        await daemon.until_line('"synced"')
        (trace,) = await passes(collector, "apply")
        (line,) = [line for line in daemon.lines if line["event"] == "synced"]
        trace_id = trace["reconcile"].trace_id.hex()
        assert line["trace_id"] == trace_id
        await daemon.until_line('"ready"')
        scraped = await daemon.get("/metrics", public=True, accept="application/openmetrics-text")
        assert f'trace_id="{trace_id}"' in scraped.text
        assert 'gitopsd_trace_spans_total{outcome="sent"}' in scraped.text


async def test_a_collector_that_is_not_there_changes_nothing_but_one_line(world: World) -> None:
    world.good()
    world.config["tracing"] = {"endpoint": "http://127.0.0.1:9"}
    environ = {**SOON, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    async with child(world, environ=environ) as daemon:
        await daemon.until_line('"synced"')
        await daemon.until_line("traces cannot be delivered")
        await daemon.until_line('"ready"')
        world.commit({"good/one.yaml": config_map("one", "2")})
        daemon.restart_log()
        await daemon.refresh("good")
        await daemon.until_line('"synced"')
        scraped = await daemon.get("/metrics")
        assert 'gitopsd_trace_spans_total{outcome="lost"} 0.0' not in scraped.text
        told = [line for line in daemon.raw if "deliver" in line or "opentelemetry" in line or "urllib3" in line]
        assert told == []


async def test_a_collector_that_does_not_answer_holds_up_neither_syncs_nor_the_end(
    world: World, collector: Collector
) -> None:
    collector.open.clear()
    world.good()
    world.config["tracing"] = {"endpoint": collector.url}
    async with child(world, environ=SOON) as daemon:
        await daemon.until_line('"synced"')
        await anyio.to_thread.run_sync(collector.wait_for_requests, 1)
        await daemon.until_line('"ready"')
        world.commit({"good/one.yaml": config_map("one", "2")})
        daemon.restart_log()
        await daemon.refresh("good")
        await daemon.until_line('"synced"')
        daemon.process.terminate()
        assert await daemon.ended(30) == 0
