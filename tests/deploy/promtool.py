"""Prometheus' own tools in tests, and the names that rules and dashboards may use."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from gitopsd.metrics.metric import Kind, Metric, shown_name
from gitopsd.metrics.names import METRICS

ROOT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final = (PROMETHEUS / "recording.yaml", PROMETHEUS / "alerts.yaml")
# What Prometheus adds to every series, and those that its client library and Prometheus itself bring.
_OF_THE_SCRAPE: Final = frozenset({"job", "instance"})
_FOREIGN: Final = {
    "up": frozenset[str](),
    "process_open_fds": frozenset[str](),
    "process_max_fds": frozenset[str](),
    "process_cpu_seconds_total": frozenset[str](),
    "process_resident_memory_bytes": frozenset[str](),
    "process_start_time_seconds": frozenset[str](),
    "python_gc_collections_total": frozenset({"generation"}),
}
_SERIES: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_:]*)\s*(?:\{([^}]*)\})?")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_MATCHER: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"')


def promtool(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; the test is skipped where it is not installed."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: install the package `prometheus`")
    return subprocess.run([program, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False)


def series() -> Mapping[str, frozenset[str]]:
    """Every series that a scrape of gitopsd can have, by name, with its labels."""
    found = dict(_FOREIGN)
    for metric in METRICS:
        found.update((name, frozenset(labels)) for name, labels in _series_of(metric))
    return {name: labels | _OF_THE_SCRAPE for name, labels in found.items()}


def _series_of(metric: Metric) -> Iterator[tuple[str, Iterable[str]]]:
    name = shown_name(metric, "gitopsd")
    if metric.kind is Kind.HISTOGRAM:
        yield f"{name}_bucket", (*metric.labels, "le")
        yield f"{name}_sum", metric.labels
        yield f"{name}_count", metric.labels
    else:
        yield name, metric.labels


def unknown_names(query: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What a query names that no scrape has: metrics, or labels that none of its metrics has."""
    texts = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    names = [name for name, _ in _SERIES.findall(texts) if name in known]
    wrong = [name for name in re.findall(r"\b(?:gitopsd|process|python)_[a-z0-9_]+", texts) if name not in known]
    if not names:
        wrong.append(f"no metric in {query!r}")
    labels = frozenset[str]().union(*(known[name] for name in names))
    used = {label.strip() for group in _GROUPING.findall(texts) for label in group.split(",")}
    used |= {label for _, matchers in _SERIES.findall(query) for label in _MATCHER.findall(matchers)}
    return wrong + sorted(used - labels - {"", "le"})
