"""Pages together are the list, whatever happens in between."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.ids import AppName
from gitopsd.web.paging import Filter, Slice, select
from gitopsd.web.problem import Problem

Apps = Mapping[AppName, tuple[AppSpec, AppStatus]]
NAMES = st.sets(st.text(min_size=1, max_size=8), max_size=40)


def apps(names: set[str]) -> Apps:
    """Return applications of these names; those with an `a` are of project `a`."""
    made = {}
    for name in names:
        spec = AppSpec(
            AppName(name),
            (Source("https://git.example.org/r.git"),),
            Destination(),
            project="a" if "a" in name else "b",
        )
        made[spec.name] = (spec, unknown_status(spec.name))
    return made


def pages(applications: Apps, wanted: Filter, limit: int) -> list[Slice]:
    """Return all pages, from the first to the last."""
    found = [select(applications, wanted, limit, "")]
    while found[-1].continue_:
        found.append(select(applications, wanted, limit, found[-1].continue_))
    return found


@settings(deadline=None)
@given(NAMES, st.integers(1, 10), st.sampled_from(["", "a", "b"]))
def test_the_union_of_all_pages_is_the_list_in_order(names: set[str], limit: int, project: str) -> None:
    found = pages(apps(names), Filter(project=project), limit)
    expected = sorted(name for name in names if project in {"", "a" if "a" in name else "b"})
    assert [name for page in found for name in page.names] == expected
    assert all(len(page.names) == limit for page in found[:-1])
    assert all(page.names for page in found[1:])
    assert {page.total for page in found} == {len(expected)}


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, st.integers(1, 10))
def test_what_stays_is_shown_once_though_others_come_and_go(
    stays: set[str], goes: set[str], comes: set[str], limit: int
) -> None:
    first = select(apps(stays | goes), Filter(), limit, "")
    shown = list(first.names)
    token = first.continue_
    while token:
        page = select(apps(stays | comes), Filter(), limit, token)
        shown += page.names
        token = page.continue_
    assert len(shown) == len(set(shown))
    assert stays <= set(shown)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    if token:
        with pytest.raises(Problem) as caught:
            select(apps({"one"}), Filter(), 1, token)
        assert caught.value.status == 422


def test_a_token_of_another_list_is_refused() -> None:
    token = select(apps({"a1", "a2", "b"}), Filter(), 1, "").continue_
    with pytest.raises(Problem, match="other filters"):
        select(apps({"a1", "a2", "b"}), Filter(project="a"), 1, token)
