"""What a metric is: its name, labels, type and help, and what Argo CD calls it."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

ARGOCD_PREFIX: Final = "argocd"
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_]")


class Kind(enum.Enum):
    """Prometheus' metric types, as far as they are used here."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Alias:
    """Argo CD's name of a metric, and its labels: label → the label of ours that it shows, or `=text`, a constant."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. Counters are named with their `_total`; `buckets` (seconds) are a histogram's.

    `unshown` are values given after those of `labels`, which only the alias shows.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    argocd: Alias | None = None
    unshown: tuple[str, ...] = ()


def shown_name(metric: Metric, prefix: str) -> str:
    """The name that a scrape shows."""
    if prefix == ARGOCD_PREFIX and metric.argocd is not None:
        return f"{prefix}_{metric.argocd.name}"
    return f"{prefix}_{metric.name}"


def label_name(key: str) -> str:
    """The metric's label for an application's or a cluster's label: `team/name` is `label_team_name`, as in Argo CD."""
    return "label_" + _FOREIGN.sub("_", key)


def with_labels(metric: Metric, keys: Sequence[str]) -> Metric:
    """`metric` with a label more for each of these labels of what it tells of."""
    more = tuple(label_name(key) for key in keys)
    alias = metric.argocd
    if alias is not None:
        alias = replace(alias, labels={**alias.labels, **{name: name for name in more}})
    return replace(metric, labels=(*metric.labels, *more), argocd=alias)
