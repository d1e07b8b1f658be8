"""The Grafana dashboards are what the tool writes, name what there is, and lie on the grid."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from tests.deploy.promtool import series, unknown_names
from tools.dashboards import DASHBOARDS, FOLDER, text

_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def panels(name: str) -> list[dict[str, Any]]:
    """The panels of a committed dashboard, rows left out."""
    found = json.loads((FOLDER / name).read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_committed_dashboard_is_what_the_tool_writes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text(DASHBOARDS[name]), "run: python -m tools.dashboards"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_metric_and_label_in_a_query_exists(name: str) -> None:
    known = series()
    queries = [target["expr"] for panel in panels(name) for target in panel["targets"]]
    queries += [query.removeprefix("label_values(") for query in DASHBOARDS[name].variables.values()]
    wrong = {query: unknown_names(query, known) for query in queries}
    assert {query: names for query, names in wrong.items() if names} == {}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_legend_names_labels_that_its_query_leaves(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            groups = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            if groups:
                left = {label.strip() for label in groups[0].split(",")} - {"le"}
                assert set(_LEGEND.findall(target["legendFormat"])) <= left, panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables_in_queries_are_the_dashboard_s(name: str) -> None:
    known = {*DASHBOARDS[name].variables, "__rate_interval"}
    used = {
        variable
        for panel in panels(name)
        for target in panel["targets"]
        for variable in re.findall(r"\$(\w+)", target["expr"])
    }
    assert used <= known


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name: str) -> None:
    dashboard = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in dashboard["panels"]):
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_a_name_that_is_not_there_is_found_out() -> None:
    known = series()
    assert unknown_names('sum by (verb) (rate(gitopsd_kube_request_total{code="200"}[5m]))', known) == []
    assert unknown_names("gitopsd_never_there", known) != []
    assert unknown_names("sum by (repo) (gitopsd_loop_lag_seconds_count)", known) == ["repo"]
    assert unknown_names('gitopsd_cluster_up{verb="x"}', known) == ["verb"]
    assert unknown_names("vector(1)", known) != []
