"""Ranges of versions. The table's verdicts are those of the semver library of Argo CD and Helm (Masterminds v3.4)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.version_range import newest, parse_range, parse_version

ROW = (
    "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0-rc.1 1.0.0 1.2.3-alpha 1.2.3 1.2.9 1.3.0 "
    "2.0.0-beta.2 2.0.0-beta.11 2.0.0 2.1.0 11.1.0"
)

TABLE = [
    ("*", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.3 1.2.9 1.3.0 2.0.0 2.1.0 11.1.0"),
    ("x", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.3 1.2.9 1.3.0 2.0.0 2.1.0 11.1.0"),
    ("1.x", "1.0.0 1.2.3 1.2.9 1.3.0"),
    ("v1.X", "1.0.0 1.2.3 1.2.9 1.3.0"),
    ("1.2.*", "1.2.3 1.2.9"),
    ("=1.2", "1.2.3 1.2.9"),
    ("=1.2.3", "1.2.3"),
    ("!=1.2.3", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.9 1.3.0 2.0.0 2.1.0 11.1.0"),
    ("!=1.x", "0.0.0 0.0.3 0.2.3 0.3.0 2.0.0 2.1.0 11.1.0"),
    ("!=1.2.x", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.3.0 2.0.0 2.1.0 11.1.0"),
    (">1", "2.0.0 2.1.0 11.1.0"),
    (">1.2", "1.3.0 2.0.0 2.1.0 11.1.0"),
    (">1.2.3", "1.2.9 1.3.0 2.0.0 2.1.0 11.1.0"),
    (">11", ""),
    (">=1.3", "1.3.0 2.0.0 2.1.0 11.1.0"),
    ("=>1.3", "1.3.0 2.0.0 2.1.0 11.1.0"),
    ("<1", "0.0.0 0.0.3 0.2.3 0.3.0"),
    ("<=1", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.3 1.2.9 1.3.0"),
    ("=<1.2", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.3 1.2.9"),
    ("~1", "1.0.0 1.2.3 1.2.9 1.3.0"),
    ("~1.2", "1.2.3 1.2.9"),
    ("~> 1.2.5", "1.2.9"),
    ("^1.2.5", "1.2.9 1.3.0"),
    ("^0.2", "0.2.3"),
    ("^0.0.3", "0.0.3"),
    ("^0", "0.0.0 0.0.3 0.2.3 0.3.0"),
    ("~0.0.0", "0.0.0 0.0.3 0.2.3 0.3.0 1.0.0 1.2.3 1.2.9 1.3.0 2.0.0 2.1.0 11.1.0"),
    ("1.2 - 1.3", "1.2.3 1.2.9 1.3.0"),
    ("1.0.0 - 1.2.3 || ^2.1", "1.0.0 1.2.3 2.1.0"),
    (">=1.2 <2", "1.2.3 1.2.9 1.3.0"),
    (">= 1.2, < 2.0", "1.2.3 1.2.9 1.3.0"),
    (">1.2.3,<2.1.0 , != 1.3.0", "1.2.9 2.0.0"),
    ("0.2.x || 2.x", "0.2.3 2.0.0 2.1.0"),
    (">=1.2.3-0 <2", "1.2.3-alpha 1.2.3 1.2.9 1.3.0 2.0.0-beta.2 2.0.0-beta.11"),
    (">2.0.0-beta.2", "2.0.0-beta.11 2.0.0 2.1.0 11.1.0"),
    ("~1.0.0-0", "1.0.0-rc.1 1.0.0"),
    ("1.x-0", "1.0.0-rc.1 1.0.0 1.2.3-alpha 1.2.3 1.2.9 1.3.0"),
    ("*-0", ROW),
    ("<1 || >=2.0.0-beta.3", "0.0.0 0.0.3 0.2.3 0.3.0 2.0.0-beta.11 2.0.0 2.1.0 11.1.0"),
]


@pytest.mark.parametrize(("text", "allowed"), TABLE, ids=[text for text, _ in TABLE])
def test_a_range_allows_what_the_reference_library_allows(text: str, allowed: str) -> None:
    versions = parse_range(text)
    assert versions is not None
    found = [name for name in ROW.split() if (version := parse_version(name)) and versions.allows(version)]
    assert found == allowed.split()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "main",
            "HEAD",
            "HEAD~1",
            "main^",
            "v1",
            "1.2",
            "1.2.3",
            "v1.2.3-rc1",
            "1.2.3+build",
            "||",
            "1.x ||",
        ),
        *(
            "release-1.x",
            "1.x.y.z",
            ">=1.0<2.0",
            "==1",
            "<>1",
            "1.x,,2.x",
            ">",
            ":/x",
            "99999999999999999999.x",
            "1.x-01",
        ),
        *("1.x\x00", "x" * 300, "１.x"),  # noqa: RUF001 - a digit that is none to a version is the case
    ],
)
def test_names_versions_and_nonsense_are_no_ranges(text: str) -> None:
    assert parse_range(text) is None


def test_versions_are_ordered_as_semver_orders_them() -> None:
    names = (
        "1.0.0-1 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 v1.1 10"
    )
    versions = [parse_version(name) for name in names.split()]
    for lower, higher in itertools.pairwise(versions):
        assert lower is not None
        assert higher is not None
        assert lower < higher
    assert parse_version("1.0.0+a") == parse_version("v1")


@pytest.mark.parametrize("text", ["", "v", "1.2.3.4", "a1", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1" * 300, "1.2.3+"])
def test_what_is_no_version(text: str) -> None:
    assert parse_version(text) is None


def test_the_newest_tag_of_a_prefix_wins_whatever_the_order() -> None:
    tags = ["app-1.0.0", "app-1.10.0", "app-1.9.0", "app-2.0.0-rc1", "other-1.99.0", "1.50.0", "app-main", "app-"]
    versions = parse_range("1.x")
    assert versions is not None
    assert newest(tags, versions, "app-") == "app-1.10.0"
    assert newest(tags, versions) == "1.50.0"
    assert newest(tags, versions, "none-") is None
    for order in itertools.permutations(["1.0.0", "v1.0.0", "0.9.0"]):
        assert newest(order, versions) == "1.0.0"


_NUMBERS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@given(_NUMBERS, _NUMBERS)
def test_a_caret_keeps_the_first_part_that_is_not_zero(base: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    versions = parse_range("^" + ".".join(map(str, base)))
    version = parse_version(".".join(map(str, other)))
    assert versions is not None
    assert version is not None
    kept = 1 + next((index for index, part in enumerate(base) if part), 2)
    assert versions.allows(version) == (other >= base and other[:kept] == base[:kept])


@given(_NUMBERS, _NUMBERS)
def test_bounds_compare_as_numbers_do(base: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    text, name = (".".join(map(str, parts)) for parts in (base, other))
    version = parse_version(name)
    assert version is not None
    for sign, expected in {">": other > base, ">=": other >= base, "<": other < base, "<=": other <= base}.items():
        versions = parse_range(sign + text)
        assert versions is not None
        assert versions.allows(version) == expected


@given(st.text(alphabet="0123456789xX*.-+v ,|<>=~^!ab", max_size=60) | st.text(max_size=40))
def test_Z2_no_text_at_all_breaks_a_reader(text: str) -> None:
    parse_range(text)
    parse_version(text)
