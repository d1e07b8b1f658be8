from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.errors import RenderError
from gitopsd.plugin import Glob


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "sub/a.yaml", True),
        ("*.yaml", "a.yml", False),
        ("{*.yml,config/*}", "config/x/y", True),
        ("{a,b{c,d}}.yaml", "bd.yaml", True),
        ("{a,b{c,d}}.yaml", "bcd.yaml", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("", "", True),
        ("**", "anything/at all", True),
    ],
)
def test_patterns_match_as_argo_cds_directories_do(pattern: str, text: str, matches: bool) -> None:
    assert Glob(pattern).matches(text) is matches


@pytest.mark.parametrize("pattern", ["{a,b", "[a", "x" * 2000, "{a,b}" * 20])
def test_D7_a_pattern_that_is_broken_or_too_large_is_an_error(pattern: str) -> None:
    with pytest.raises(RenderError):
        Glob(pattern)


def test_D7_no_pattern_takes_long() -> None:
    began = time.monotonic()
    assert not Glob("*a" * 200).matches("a" * 199)
    assert time.monotonic() - began < 30


@given(st.text("ab*?[]{},\\!-/", max_size=20), st.text("ab/", max_size=10))
def test_no_pattern_raises_anything_but_a_render_error(pattern: str, text: str) -> None:
    try:
        Glob(pattern).matches(text)
    except RenderError:
        return
