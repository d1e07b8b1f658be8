"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import re

import pytest

from gitopsd.config.schema import json_schema
from gitopsd.core.jsonvalue import mapping
from gitopsd.metrics.names import METRICS
from tests.docs.pages import page, pages
from tools.docs import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_is_made(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_the_configuration_s_page_has_every_key_of_every_mapping() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    shown = set(re.findall(r'<a id="[^"]+"></a>`([^`]+)`', text))
    schema = json_schema()
    keys = {
        key for shape in (schema, *mapping(schema, "$defs").values()) for key in mapping(mapping(shape), "properties")
    }
    assert keys - shown == set()


@pytest.mark.parametrize(
    ("anchor", "row"),
    [
        ("reconcile.refreshinterval", "| [duration](#duration) | `3m` |"),
        ("render.memorylimit", "| [size](#size) | `1Gi` |"),
        ("sync.circuitbreaker.prunelimit", "| [share](#share) | `20%` |"),
        ("sync.protectedkinds", "`Namespace`, `apiextensions.k8s.io/CustomResourceDefinition`"),
        ("clusters.name", "| required |"),
        ("repositories.password", "| [secret](#secret) |"),
        ("source.helm.skipcrds", "| `false` |"),
    ],
)
def test_a_key_has_its_type_and_default_where_links_find_it(anchor: str, row: str) -> None:
    assert anchor in page("docs/configuration.md").anchors
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if f'<a id="{anchor}">' in line]
    assert row in line


def test_metrics_that_pages_name_are_there() -> None:
    known = {f"gitopsd_{metric.name}" for metric in METRICS}
    named = {
        (each.path, name)
        for each in pages()
        for token in each.tokens
        for name in re.findall(r"\bgitopsd_[a-z_]+(?:_seconds|_total|_bytes|_info|_labels|_up|_depth)\b", token.content)
    }
    assert len(named) > 20
    assert [each for each in sorted(named) if each[1] not in known] == []
