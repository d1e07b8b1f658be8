"""What is not counted as it happens but asked for at each scrape: how many there are of things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from gitopsd.metrics.metric import Metric
from gitopsd.metrics.series import GatheredSeries, Labels

Rows: TypeAlias = Iterable[tuple[Labels, float]]
Gather: TypeAlias = Callable[[], Mapping[Metric, Rows]]
"""Gives, in the event loop's thread and without waiting, the rows of some metrics."""


class Gathered(Collector):
    """The series of `metrics`. `look` asks for them in the event loop's thread; a scrape, in any, shows what it found.

    Nothing is asked between two scrapes, so an idle daemon does nothing for them. `aside` says that `gather` may read
    files and touches nothing of the loop: it is asked by the scrape's own thread.
    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        gather: Gather,
        prefix: str,
        registry: CollectorRegistry,
        *,
        aside: bool = False,
    ) -> None:
        self._series = {metric: GatheredSeries(metric, prefix) for metric in metrics}
        self._gather = gather
        self._aside = aside
        self._found: Mapping[Metric, Rows] = {}
        registry.register(self)

    def look(self) -> None:
        """Ask for the present rows."""
        if not self._aside:
            self._found = {metric: tuple(rows) for metric, rows in self._gather().items()}

    def collect(self) -> Iterator[Family]:
        """The series, as the library asks for them."""
        found = self._gather() if self._aside else self._found
        for metric, series in self._series.items():
            if metric in found:
                yield series.family(found[metric])
