"""docs/metrics.md, made from the metrics themselves: `python -m gitopsd.metrics.reference > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from gitopsd.metrics.argocd import ABSENT
from gitopsd.metrics.metric import ARGOCD_PREFIX, Alias, Metric, shown_name
from gitopsd.metrics.names import SECTIONS

_PREFIX: Final = "gitopsd"
_HEAD: Final = """# Metrics

<!-- Made by `python -m gitopsd.metrics.reference > docs/metrics.md`; edit gitopsd/metrics/ instead. -->

`/metrics` of the public door (`server.listen`) shows all of them, to everybody who can reach it: no secret is in a
label. The Accept header chooses Prometheus' text format or OpenMetrics, which adds exemplars: where traces are on, a
reconciliation and a sync lead to theirs (`trace_id`).

`server.metricsPrefix: argocd` gives those metrics below that Argo CD has too its name, labels and buckets, so that its
dashboards and alerts work as they are; the others begin with `argocd_` instead of `gitopsd_`. Argo CD's label
`namespace`, that of the Application object, always says `argocd` then; labels that gitopsd does not fill stay empty.

Series of an application, a cluster or a repository go when the last that had them does. How many there are of things
(`cluster_objects`, `reconcile_queue_depth`, `disk_free_bytes` …) is asked for at the scrape: between two scrapes
nothing runs for that.

How to scrape, alerts and dashboards: [monitoring.md](monitoring.md).
"""
_TAIL: Final = """
## Of the process

`process_*` (CPU, memory, open files, start) and `python_gc_*` are those of Prometheus' client library, whatever the
prefix.

## Argo CD's metrics

Those that have a counterpart, each with the labels that it is shown with under the prefix `argocd`:

| Argo CD | gitopsd | Labels |
|---|---|---|
"""
_ABSENT: Final = """
And those that have none:

| Argo CD | Why not |
|---|---|
"""


def page() -> str:
    """The whole page, as it is committed."""
    sections = [_section(title, metrics) for title, metrics in SECTIONS]
    return "\n".join([_HEAD, *sections]) + _TAIL + _counterparts() + _ABSENT + _absent()


def _section(title: str, metrics: Iterable[Metric]) -> str:
    lines = [f"## {title}", "", "| Metric | Type | Labels | What it says |", "|---|---|---|---|"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in _labels(metric))
        lines.append(f"| `{shown_name(metric, _PREFIX)}` | {metric.kind.value} | {labels} | {_text(metric)} |")
    return "\n".join(lines) + "\n"


def _labels(metric: Metric) -> Iterator[str]:
    yield from metric.labels
    if metric.name in {"app_labels", "cluster_labels"}:
        yield "label_…"


def _text(metric: Metric) -> str:
    text = metric.help.replace("|", "\\|")
    if metric.buckets:
        text += f" Buckets: {', '.join(f'{bucket:g}' for bucket in metric.buckets)} s."
    return text


def _counterparts() -> str:
    return "".join(
        f"| `{shown_name(metric, ARGOCD_PREFIX)}` | `{shown_name(metric, _PREFIX)}` | {_filled(metric.argocd)} |\n"
        for _, metrics in SECTIONS
        for metric in metrics
        if metric.argocd is not None
    )


def _filled(alias: Alias) -> str:
    """Its labels; those that always say the same say so."""
    shown = (
        f'`{name}="{source[1:]}"`' if source.startswith("=") else f"`{name}`" for name, source in alias.labels.items()
    )
    return ", ".join(shown)


def _absent() -> str:
    rows = []
    for names, why in ABSENT.items():
        shown = ", ".join(f"`{name}`" for name in names.split(", "))
        rows.append(f"| {shown} | {why} |\n")
    return "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
