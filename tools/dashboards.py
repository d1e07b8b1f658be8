"""The Grafana dashboards of deploy/grafana/: `python -m tools.dashboards` writes them from `tools.panels`.

Source of the form: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.panels import APPLICATION, OVERVIEW, PERFORMANCE, Dashboard, Panel

FOLDER: Final = Path(__file__).resolve().parent.parent / "deploy" / "grafana"
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_SCHEMA: Final = 39
_WIDTH: Final = 24


DASHBOARDS: Final = {
    "overview.json": OVERVIEW,
    "application.json": APPLICATION,
    "performance.json": PERFORMANCE,
}


def text(dashboard: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    content = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["gitopsd"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_SOURCE_VARIABLE, *_variables(dashboard.variables)]},
        "panels": _placed(dashboard.rows),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


_SOURCE_VARIABLE: Final = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variables(queries: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": name == "job",
            "includeAll": name == "job",
            "hide": 2 if name in {"server", "repo"} else 0,
        }
        for name, query in queries.items()
    ]


def _placed(rows: Sequence[tuple[str, Sequence[Panel]]]) -> list[dict[str, Any]]:
    """Panels from left to right, a line after the other, each row below its title."""
    placed: list[dict[str, Any]] = []
    top = 0
    for title, panels in rows:
        place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
        placed.append({"id": len(placed) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        top, left, tallest = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > _WIDTH:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            placed.append(_panel(panel, len(placed) + 1, place))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return placed


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> dict[str, Any]:
    table = panel.kind == "table"
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.bad:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    shown: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": table,
                "range": not table,
                "format": "table" if table else "time_series",
            }
            for index, query in enumerate(panel.queries)
        ],
    }
    if table:
        hidden = dict.fromkeys(panel.hidden, True)
        shown["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return shown


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
