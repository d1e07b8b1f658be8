"""Whether traces are made, by the configuration and OpenTelemetry's environment variables."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gitopsd.config import TracingSettings
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.traces import open_traces, ratio, wanted_traces
from gitopsd.ports.tracer import NO_TRACER
from gitopsd.tracing import Delivered
from tests.cli.conftest import GITOPSD

SETTINGS = TracingSettings("http://127.0.0.1:4318")
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("settings", "environ", "wanted"),
    [
        (None, {}, None),
        (SETTINGS, {}, SETTINGS),
        (None, ENDPOINT, TracingSettings()),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, TracingSettings()),
        (SETTINGS, {"OTEL_SDK_DISABLED": "true"}, None),
        (SETTINGS, {"OTEL_TRACES_EXPORTER": "none"}, None),
        (None, {"OTEL_SERVICE_NAME": "x"}, None),
    ],
)
def test_traces_are_made_where_somebody_wants_them(
    settings: TracingSettings | None, environ: dict[str, str], wanted: TracingSettings | None
) -> None:
    assert wanted_traces(settings, environ) == wanted


def test_another_protocol_than_ours_is_warned_of() -> None:
    with capture_logs() as lines:
        assert wanted_traces(None, {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) == TracingSettings()
    assert [(line["log_level"], line["protocol"]) for line in lines] == [("warning", "grpc")]


@pytest.mark.parametrize(
    ("settings", "environ", "share"),
    [
        (SETTINGS, {}, 1.0),
        (TracingSettings(sample_ratio=0.25), {"OTEL_TRACES_SAMPLER": "always_off"}, 0.25),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "always_off"}, 0.0),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, 0.1),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, 0.1),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "many"}, 1.0),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}, 1.0),
        (SETTINGS, {"OTEL_TRACES_SAMPLER": "parentbased_always_on", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, 1.0),
    ],
)
def test_the_share_is_the_configuration_s_else_the_environment_s(
    settings: TracingSettings, environ: dict[str, str], share: float
) -> None:
    assert ratio(settings, environ) == share


async def test_where_nobody_wants_traces_there_is_nothing() -> None:
    async with open_traces(None, {}, SystemClock()) as traces:
        assert traces.tracer is NO_TRACER
        assert traces.delivered() == Delivered(0, 0)


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many", "OTEL_BSP_SCHEDULE_DELAY": "-5"}, ["MAX_QUEUE_SIZE", "SCHEDULE_DELAY"]),
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, ["OTEL_TRACES_SAMPLER"]),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}, ["OTEL_TRACES_SAMPLER_ARG"]),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "7"}, []),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, ["TIMEOUT", "COMPRESSION"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4318"}, ["TRACES_ENDPOINT"]),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.crt"}, ["OTLP_CERTIFICATE"]),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "authorization p4ss"}, ["OTLP_HEADERS"]),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=b,c=d", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}, []),
    ],
)
async def test_a_variable_that_means_nothing_is_warned_of_by_its_name_alone(
    environ: dict[str, str], names: list[str]
) -> None:
    with capture_logs() as lines:
        async with open_traces(SETTINGS, environ, SystemClock()) as traces:
            assert traces.tracer is not NO_TRACER
    assert len(lines) == len(names)
    for line, name in zip(lines, names, strict=True):
        assert (line["log_level"], line["event"]) == ("warning", "this environment variable does not count")
        assert name in line["variable"]
        assert "p4ss" not in str(line)


def test_what_opentelemetry_itself_refuses_ends_no_daemon(tmp_path: Path) -> None:
    # Read once for a process, as soon as its packages are imported.
    (tmp_path / "gitopsd.yaml").write_text(
        "server: {listen: '127.0.0.1:0'}\ntracing: {endpoint: 'http://127.0.0.1:1'}\n", encoding="utf-8"
    )
    command = [GITOPSD, "run", "--once", "--config", str(tmp_path / "gitopsd.yaml")]
    environ = {**os.environ, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "p4ss"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "no traces: OpenTelemetry refuses its environment" in done.stderr
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in done.stderr
    assert "p4ss" not in done.stderr
