"""What docs/troubleshooting.md quotes is what the code says, and every alert leads there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest
import yaml

from tests.docs.pages import ROOT, page

PAGE: Final = ROOT / "docs" / "troubleshooting.md"
_CODE: Final = ("gitopsd/**/*.py", "plugins/**/*.py", "engine/*.go")


def quoted() -> Iterator[tuple[str, str]]:
    """(line, text without names) of each quotation."""
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("- Says: "):
            for quotation in re.findall(r"`([^`]+)`", line):
                for part in filter(None, map(str.strip, quotation.split("…"))):
                    yield f"line {number}: {part}", part


@cache
def said() -> str:
    """All that the code may say: its text, with literals that are written in several lines joined."""
    texts = [path.read_text(encoding="utf-8") for pattern in _CODE for path in sorted(ROOT.glob(pattern))]
    return re.sub(r"\"\s*\n\s*f?\"", "", "\n".join(texts))


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in quoted()])
def test_what_the_page_quotes_is_said_somewhere(text: str) -> None:
    # Names stand in the code as {fields}, numbers and words around them as they are.
    assert text.strip("()") in said()


def test_there_are_quotations_and_a_changed_one_would_be_found() -> None:
    assert len(list(quoted())) > 50
    assert "automated sync is switched off" not in said()


def test_each_alert_has_its_place() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    alerts = {rule["alert"].lower() for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert alerts
    assert alerts - page("docs/troubleshooting.md").anchors == set()
