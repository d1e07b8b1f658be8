"""The metrics as a scrape gets them."""

from __future__ import annotations

import re
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
_TEXT: Final = "text/plain"
# A weight: 0 to 1 with at most three digits behind the point (RFC 9110 12.4.2).
_WEIGHT: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)


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
        """Content type and body: OpenMetrics if `accept` (the header) names it, and weighs it no less than plain text;
        else Prometheus' text format.

        What the header says beyond that is not looked at, and nothing of it comes back.
        """
        write = _openmetrics if _wants_openmetrics(accept) else _text
        for gathered in self._gathered:
            gathered.look()
        return await anyio.to_thread.run_sync(write, self._registry, limiter=self._one_at_a_time)


def _wants_openmetrics(accept: str) -> bool:
    """By the weights of the Accept header (RFC 9110 12.5.1), which prometheus_client's own choice does not look at.

    OpenMetrics has to be named: `*/*` is what programs send that read anything, and want what they always got.
    """
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[kind] = max(weights.get(kind, 0.0), _weight(parameters))
    text = next((weights[kind] for kind in (_TEXT, "text/*", "*/*") if kind in weights), 0.0)
    return weights.get(_OPENMETRICS, 0.0) >= max(text, 0.001)


def _weight(parameters: Iterable[str]) -> float:
    """`q` of one kind; 1 where it is not said, or is none."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0


def _text(registry: CollectorRegistry) -> tuple[str, bytes]:
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)


def _openmetrics(registry: CollectorRegistry) -> tuple[str, bytes]:
    body: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # the library left it untyped
    return openmetrics.CONTENT_TYPE_LATEST, body
