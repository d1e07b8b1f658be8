"""Whether and where traces go, by the configuration and OpenTelemetry's environment variables."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import structlog

from gitopsd import __version__
from gitopsd.config import TracingSettings, has_tracing
from gitopsd.daemon.tracevariables import misspelt
from gitopsd.ports.clock import Clock
from gitopsd.ports.tracer import NO_TRACER, Tracer
from gitopsd.tracing import Delivered, Delivery, Recording
from gitopsd.tracing.delivery import AT_ONCE, DELAY, MOST_WAITING

if TYPE_CHECKING:
    from gitopsd.tracing.otlp import Otlp

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_log = structlog.get_logger("gitopsd.daemon")


@dataclass(frozen=True, slots=True)
class Traces:
    """The tracer of a daemon, and what became of its spans."""

    tracer: Tracer
    delivered: Callable[[], Delivered]


@asynccontextmanager
async def open_traces(
    settings: TracingSettings | None, environ: Mapping[str, str], clock: Clock
) -> AsyncGenerator[Traces]:
    """Traces while the block lasts, if anybody wants them; at its end those that wait are sent, within two seconds."""
    wanted = wanted_traces(settings, environ)
    if wanted is None:
        yield Traces(NO_TRACER, lambda: Delivered(0, 0))
        return
    for name, expected in await anyio.to_thread.run_sync(lambda: list(misspelt(environ))):
        _log.warning("this environment variable does not count", variable=name, why=expected)
    exporter = await anyio.to_thread.run_sync(_exporter_or_none, wanted)
    if exporter is None:
        yield Traces(NO_TRACER, lambda: Delivered(0, 0))
        return
    delivery = Delivery(
        exporter.send,
        _trouble,
        most=_whole(environ, "OTEL_BSP_MAX_QUEUE_SIZE", MOST_WAITING),
        at_once=_whole(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", AT_ONCE),
        delay=_whole(environ, "OTEL_BSP_SCHEDULE_DELAY", int(DELAY * 1000)) / 1000,
    )
    delivery.start()
    try:
        yield Traces(Recording(delivery.put, clock, ratio=ratio(wanted, environ)), delivery.delivered)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(delivery.end)
            exporter.close()


def wanted_traces(settings: TracingSettings | None, environ: Mapping[str, str]) -> TracingSettings | None:
    """How traces are made; None if nobody wants any. What an environment says that is made for all kinds of programs
    does not keep the daemon from starting.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    asked = next((name for name in _ENDPOINTS if environ.get(name)), "")
    if settings is None and not asked:
        return None
    if settings is None and not has_tracing():
        _log.warning("no traces: their packages are not installed", variable=asked, hint="install gitopsd[tracing]")
        return None
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        _log.warning(
            "traces go over http/protobuf all the same", protocol=protocol, hint="use the collector's port 4318"
        )
    return settings or TracingSettings()


def ratio(settings: TracingSettings, environ: Mapping[str, str]) -> float:
    """The share of traces that are made: the configuration's, else OTEL_TRACES_SAMPLER's, else all."""
    if settings.sample_ratio is not None:
        return settings.sample_ratio
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler != "traceidratio":
        return 1.0
    try:
        return min(1.0, max(0.0, float(environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))))
    except ValueError:
        return 1.0


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    """A positive whole number of the environment; anything else counts as if it were not there."""
    written = environ.get(name, "")
    return (
        int(written) if written.isascii() and written.isdigit() and 0 < len(written) < 10 and int(written) else default
    )


def _exporter(settings: TracingSettings) -> Otlp:
    from gitopsd.tracing.otlp import Otlp  # noqa: PLC0415  # takes as long as half the start-up, and is an extra

    headers = {name: secret.reveal() for name, secret in settings.headers}
    return Otlp(settings.endpoint, headers, insecure=settings.insecure, version=__version__)


def _exporter_or_none(settings: TracingSettings) -> Otlp | None:
    """None where OpenTelemetry itself refuses one of its variables, which is no reason to end."""
    try:
        return _exporter(settings)
    except ValueError as error:
        why = re.sub(r" but got .*", "", str(error))
        _log.warning("no traces: OpenTelemetry refuses its environment", why=why, hint="correct that variable")
        return None


def _trouble(why: str) -> None:
    if why:
        _log.warning("traces cannot be delivered; they are counted, and tried again", why=why)
    else:
        _log.info("traces are delivered again")
