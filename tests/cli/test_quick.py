"""The short way of `app refresh` means what Typer would have understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from gitopsd.cli.quick import Refresh, refresh_of
from gitopsd.cli.tree import build

WORDS = st.sampled_from(
    ["shop", "api", "--hard", "--wait", "--socket", "s.sock", "--config", "-o", "json", "--", "-", "--hard=1", ""]
)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("shop", Refresh("shop")),
        ("--hard shop", Refresh("shop", hard=True)),
        ("shop --wait --hard", Refresh("shop", hard=True, wait=True)),
        ("shop --socket s.sock", Refresh("shop", socket="s.sock")),
        ("--config c.yaml shop", Refresh("shop", config="c.yaml")),
        ("", None),
        ("shop api", None),
        ("shop --help", None),
        ("shop -o json", None),
        ("shop --socket", None),
        ("--socket --hard shop", None),
        ("-- shop", None),
    ],
)
def test_plain_words_are_understood_and_the_rest_is_left_to_typer(words: str, meaning: Refresh | None) -> None:
    assert refresh_of(["app", "refresh", *words.split()]) == meaning


def test_other_commands_are_left_to_typer() -> None:
    assert refresh_of(["app", "get", "shop"]) is None
    assert refresh_of(["refresh", "app", "shop"]) is None
    assert refresh_of([]) is None


@given(st.lists(WORDS, max_size=5))
def test_what_is_understood_is_what_typer_understands(words: list[str]) -> None:
    asked = refresh_of(["app", "refresh", *words])
    if asked is None:
        return
    command = get_command(build(rich=False)).commands["app"].commands["refresh"]  # type: ignore[attr-defined]  # both are groups
    found = command.make_context("refresh", list(words)).params
    assert (found["name"], found["hard"], found["wait"]) == (asked.name, asked.hard, asked.wait)
    assert (found["socket"], found["config"], found["output"]) == (asked.socket, asked.config, None)
    assert found["timeout"] == f"{asked.timeout:g}s"
