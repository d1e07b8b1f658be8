"""Links of the pages lead somewhere, and every page can be reached."""

from __future__ import annotations

import posixpath

import pytest

from tests.docs.pages import ROOT, Page, page, pages

OUTSIDE = ("https://", "http://", "mailto:")
# Where people begin to read.
ENTRANCES = ("README.md", "docs/README.md")


def target(of: Page, link: str) -> tuple[str, str]:
    """Path below the repository and anchor that a relative link means."""
    path, _, anchor = link.partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(of.path), path)) if path else of.path, anchor


@pytest.mark.parametrize("each", pages(), ids=lambda each: each.path)
def test_every_link_leads_to_a_file_and_an_anchor_that_are_there(each: Page) -> None:
    broken = []
    for link in each.links:
        if link.target.startswith(OUTSIDE):
            continue
        path, anchor = target(each, link.target)
        if path.startswith("..") or not (ROOT / path).exists():
            broken.append(f"{each.path}:{link.line}: there is no {path}")
        elif anchor and path.endswith(".md") and anchor not in page(path).anchors:
            broken.append(f"{each.path}:{link.line}: {path} has no #{anchor}")
    assert broken == []


def test_every_page_can_be_reached_from_the_entrances() -> None:
    reached: set[str] = set()
    pending = list(ENTRANCES)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            found = (target(page(name), link.target)[0] for link in page(name).links if "://" not in link.target)
            pending += [path for path in found if path.endswith(".md") and (ROOT / path).is_file()]
    assert sorted({each.path for each in pages()} - reached) == []


def test_the_map_of_pages_names_each_page_of_the_folder_itself() -> None:
    """Nobody has to find a page through another one."""
    named = {target(page("docs/README.md"), link.target)[0] for link in page("docs/README.md").links}
    there = {each.path for each in pages() if posixpath.dirname(each.path) == "docs"} - {"docs/README.md"}
    assert sorted(there - named) == []


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    faq = page("docs/troubleshooting.md")
    assert "gitopsddown" in faq.anchors
    assert "gitopsdup" not in faq.anchors
    assert target(page("docs/cli.md"), "../README.md#two-commands") == ("README.md", "two-commands")
