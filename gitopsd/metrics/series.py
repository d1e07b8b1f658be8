"""One metric in a registry, under the labels of the prefix in use."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gitopsd.metrics.names import ARGOCD_PREFIX, Kind, Metric, shown_name

# A value of foreign origin in a label is bounded: what Prometheus keeps is copied with every sample.
_LONGEST_LABEL: Final = 512
Labels = tuple[str, ...]


class LabelSet:
    """Turns values in the order of a metric's own labels into those that the prefix shows."""

    def __init__(self, metric: Metric, prefix: str) -> None:
        alias = metric.argocd if prefix == ARGOCD_PREFIX else None
        self.buckets = (alias.buckets if alias is not None else ()) or metric.buckets
        if alias is None:
            self.names = metric.labels
            self._pick = tuple(_picker(metric, shown) for shown in metric.labels)
        else:
            self.names = tuple(alias.labels)
            self._pick = tuple(_picker(metric, shown) for shown in alias.labels.values())

    def shown(self, values: Labels) -> Labels:
        """The label values as the scrape has them: valid UTF-8, and not endless."""
        return tuple(pick(values).encode("utf-8", "replace").decode()[:_LONGEST_LABEL] for pick in self._pick)


def _picker(metric: Metric, shown: str) -> Callable[[Labels], str]:
    if shown.startswith("="):
        constant = shown[1:]
        return lambda _: constant
    place = (metric.labels + metric.unshown).index(shown)
    return lambda values: values[place]


class CounterSeries:
    """A counter; values of labels are given in the order of `Metric.labels`."""

    def __init__(self, metric: Metric, prefix: str, registry: CollectorRegistry) -> None:
        _expect(metric, Kind.COUNTER)
        self._labels = LabelSet(metric, prefix)
        self._counter = Counter(
            shown_name(metric, prefix).removesuffix("_total"), metric.help, self._labels.names, registry=registry
        )

    def add(self, *values: str, amount: float = 1.0) -> Labels:
        """Count on; returns the series, for `drop`."""
        shown = self._labels.shown(values)
        (self._counter.labels(*shown) if shown else self._counter).inc(amount)
        return shown

    def drop(self, shown: Labels) -> None:
        """Forget one series."""
        self._counter.remove(*shown)


class HistogramSeries:
    """A histogram of seconds."""

    def __init__(self, metric: Metric, prefix: str, registry: CollectorRegistry) -> None:
        _expect(metric, Kind.HISTOGRAM)
        self._labels = LabelSet(metric, prefix)
        self._histogram = Histogram(
            shown_name(metric, prefix),
            metric.help,
            self._labels.names,
            registry=registry,
            buckets=self._labels.buckets,
        )

    def observe(self, seconds: float, *values: str) -> None:
        """Add one observation."""
        shown = self._labels.shown(values)
        (self._histogram.labels(*shown) if shown else self._histogram).observe(seconds)


class GaugeSeries:
    """A gauge of which each `key` has one series: when its labels change, the old series goes."""

    def __init__(self, metric: Metric, prefix: str, registry: CollectorRegistry) -> None:
        _expect(metric, Kind.GAUGE)
        self._labels = LabelSet(metric, prefix)
        self._gauge = Gauge(shown_name(metric, prefix), metric.help, self._labels.names, registry=registry)
        self._shown: dict[Hashable, Labels] = {}

    def set(self, key: Hashable, value: float, *values: str) -> None:
        """Show `value` under these labels as `key`'s only series."""
        shown = self._labels.shown(values)
        if not shown:
            self._gauge.set(value)
            return
        before = self._shown.get(key)
        self._gauge.labels(*shown).set(value)
        self._shown[key] = shown
        if before is not None and before != shown:
            self._gauge.remove(*before)

    def drop(self, key: Hashable) -> None:
        """`key` is no more."""
        before = self._shown.pop(key, None)
        if before is not None:
            self._gauge.remove(*before)


def _expect(metric: Metric, kind: Kind) -> None:
    if metric.kind is not kind:
        raise ValueError(f"{metric.name} is a {metric.kind.value}, not a {kind.value}")
