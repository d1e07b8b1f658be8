"""Foreign text on its way to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.cli.visible import is_harmless, visible


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text ü 中", "plain text ü 中"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("over\rwritten", "over\\u000dwritten"),
        ("a\nb\tc", "a b c"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_X7_control_and_bidi_characters_are_escaped(written: str, shown: str) -> None:
    assert visible(written) == shown


@given(st.text())
def test_X7_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert not [char for char in visible(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(st.text())
def test_visible_text_stays_as_it_is(text: str) -> None:
    once = visible(text)
    assert visible(once) == once.strip(" ") or visible(once) == once
    assert is_harmless(once)
