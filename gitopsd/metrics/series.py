"""One metric in a registry, under the labels of the prefix in use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase

from gitopsd.metrics.metric import ARGOCD_PREFIX, Kind, Metric, shown_name

# A value of foreign origin in a label is bounded: what Prometheus keeps is copied with every sample.
_LONGEST_LABEL: Final = 512
Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily
Wrapper = TypeVar("Wrapper", bound=MetricWrapperBase)


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


class _Children(Generic[Wrapper]):
    """The series of one metric by the values of its own labels: what is counted often is looked up once."""

    def __init__(self, metric: Metric, labels: LabelSet, whole: Wrapper) -> None:
        self._metric = metric
        self._labels = labels
        self._whole = whole
        self._known: dict[Labels, Wrapper] = {}

    def of(self, values: Labels) -> Wrapper:
        """The series of these values."""
        known = self._known.get(values)
        if known is None:
            shown = self._labels.shown(values)
            known = self._known[values] = self._whole.labels(*shown) if shown else self._whole
        return known

    def drop(self, values: Labels) -> None:
        """Forget one series."""
        if self._known.pop(values, None) is not None and self._labels.names:
            self._whole.remove(*self._labels.shown(values))

    def forget(self, label: str, value: str) -> None:
        """Forget all series whose own `label` has this value; work follows the number of series."""
        place = self._metric.labels.index(label)
        for values in [values for values in self._known if values[place] == value]:
            self.drop(values)


class CounterSeries:
    """A counter; values of labels are given in the order of `Metric.labels`."""

    def __init__(self, metric: Metric, prefix: str, registry: CollectorRegistry) -> None:
        _expect(metric, Kind.COUNTER)
        labels = LabelSet(metric, prefix)
        name = shown_name(metric, prefix).removesuffix("_total")
        self._series = _Children(metric, labels, Counter(name, metric.help, labels.names, registry=registry))

    def add(self, *values: str, amount: float = 1.0) -> Labels:
        """Count on; returns what `drop` takes."""
        self._series.of(values).inc(amount)
        return values

    def drop(self, values: Labels) -> None:
        """Forget one series."""
        self._series.drop(values)

    def forget(self, label: str, value: str) -> None:
        """Forget all series with this value of a label."""
        self._series.forget(label, value)


class HistogramSeries:
    """A histogram of seconds."""

    def __init__(self, metric: Metric, prefix: str, registry: CollectorRegistry) -> None:
        _expect(metric, Kind.HISTOGRAM)
        labels = LabelSet(metric, prefix)
        name = shown_name(metric, prefix)
        whole = Histogram(name, metric.help, labels.names, registry=registry, buckets=labels.buckets)
        self._series = _Children(metric, labels, whole)

    def observe(self, seconds: float, *values: str, trace: str = "") -> None:
        """Add one observation; `trace` is the id of the trace that tells more of it, shown as its exemplar."""
        self._series.of(values).observe(seconds, {"trace_id": trace} if trace else None)

    def forget(self, label: str, value: str) -> None:
        """Forget all series with this value of a label."""
        self._series.forget(label, value)


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


class GatheredSeries:
    """A gauge or a counter whose series are replaced as a whole at each scrape: what is gone is not shown any more."""

    def __init__(self, metric: Metric, prefix: str) -> None:
        self._labels = LabelSet(metric, prefix)
        self._help = metric.help
        self._name = shown_name(metric, prefix)
        self._family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily

    def family(self, rows: Iterable[tuple[Labels, float]]) -> Family:
        """What the scrape shows of (values of the metric's own labels, number). Of rows that would look the same, which
        the prefix `argocd` can make of two clusters at one URL, the first counts: a scrape with both is refused.
        """
        family = self._family(self._name, self._help, labels=self._labels.names)
        seen: set[Labels] = set()
        for values, number in rows:
            shown = self._labels.shown(values)
            if shown not in seen:
                seen.add(shown)
                family.add_metric(shown, number)
        return family


def _expect(metric: Metric, kind: Kind) -> None:
    if metric.kind is not kind:
        raise ValueError(f"{metric.name} is a {metric.kind.value}, not a {kind.value}")
