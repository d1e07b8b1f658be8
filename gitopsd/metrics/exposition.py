"""The metrics as a scrape gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio
import anyio.to_thread
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from gitopsd.metrics.gathered import Gather, Gathered
from gitopsd.metrics.metric import Metric

_OPENMETRICS: Final = "application/openmetrics-text"


class Exposition:
    """Writes a registry as text, in a thread: thousands of series take longer than the loop may be held up."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._gathered: list[Gathered] = []
        self._one_at_a_time = anyio.CapacityLimiter(1)

    def gather(self, metrics: Iterable[Metric], gather: Gather, *, aside: bool = False) -> None:
        """Show `metrics` with the rows that `gather` gives at each scrape; `aside` as in `Gathered`."""
        self._gathered.append(Gathered(metrics, gather, self._prefix, self._registry, aside=aside))

    async def __call__(self, accept: str) -> tuple[str, bytes]:
        """Content type and body: OpenMetrics if `accept` (the header) names it, else Prometheus' text format.

        What the header says beyond that is not looked at, and nothing of it comes back.
        """
        wanted = (part.partition(";")[0].strip().lower() for part in accept.split(","))
        write = _openmetrics if _OPENMETRICS in wanted else _text
        for gathered in self._gathered:
            gathered.look()
        return await anyio.to_thread.run_sync(write, self._registry, limiter=self._one_at_a_time)


def _text(registry: CollectorRegistry) -> tuple[str, bytes]:
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)


def _openmetrics(registry: CollectorRegistry) -> tuple[str, bytes]:
    body: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # the library left it untyped
    return openmetrics.CONTENT_TYPE_LATEST, body
