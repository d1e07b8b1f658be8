"""Every `gitopsd …` that a page names is a command of this version, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from gitopsd.cli.tree import build
from tests.docs.pages import Page, pages

# Pages that are made of the commands' own help.
MADE = {"docs/cli.md"}
# Written where any word may stand: `gitopsd COMMAND --help`, `gitopsd --debug …`.
PLACEHOLDERS = re.compile(r"[A-Z][A-Z|]+|…|\.\.\.")
TREE = get_command(build(rich=False))
# As shells and Debian name it, not as a command line.
NO_COMMAND = re.compile(r"gitopsd (?:\(|>=|<|=)")


def faults(line: str) -> list[str]:
    """What is wrong with a command line, by the commands as they are."""
    words = shlex.split(re.sub(r"\s(?:[12]?>{1,2}|<|&)\s?.*$", "", line), comments=True)[1:]
    command: object = TREE
    path = "gitopsd"
    found: list[str] = []
    while words:
        word = words.pop(0)
        if PLACEHOLDERS.fullmatch(word) and isinstance(command, TyperGroup):
            return found
        if word == "--":
            return found
        if word.startswith("-") and word != "-":
            found += _option(command, path, word, words)
        elif isinstance(command, TyperGroup):
            path += f" {word}"
            if word not in command.commands:
                return [*found, f"there is no command `{path}`"]
            command = command.commands[word]
    return found


def _option(command: object, path: str, word: str, words: list[str]) -> Sequence[str]:
    """Check one option, and take its values off the line."""
    name, equals, _ = word.partition("=")
    known = {opt: param for param in getattr(command, "params", ()) for opt in (*param.opts, *param.secondary_opts)}
    if name in {"--help", "-h"}:
        return ()
    if not name.startswith("--") and name not in known:
        # -fvalue and -xyz
        name, equals = name[:2], "="
    if name not in known:
        return [f"`{path}` has no option {name}"]
    option = known[name]
    if not equals and not getattr(option, "is_flag", False) and not getattr(option, "count", False):
        if len(words) < option.nargs:
            return [f"{name} of `{path}` has no value"]
        del words[: option.nargs]
    return ()


@pytest.mark.parametrize("each", [page for page in pages() if page.path not in MADE], ids=lambda page: page.path)
def test_every_command_of_a_page_is_one(each: Page) -> None:
    lines = [(place, line) for place, line in each.commands if not NO_COMMAND.match(line)]
    found = [f"{place}: {fault}: {line}" for place, line in lines for fault in faults(line)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("gitopsd app list", ""),
        ("gitopsd app wait guestbook --timeout 5m", ""),
        ("gitopsd render ./guestbook -f values.yaml --set=a=b > out.yaml", ""),
        ("gitopsd run --config gitopsd.yaml --once   # for CI", ""),
        ("gitopsd app lisst", "there is no command `gitopsd app lisst`"),
        ("gitopsd app get guestbook --wide", "`gitopsd app get` has no option --wide"),
        ("gitopsd run --config", "--config of `gitopsd run` has no value"),
    ],
)
def test_a_wrong_command_would_be_found(line: str, fault: str) -> None:
    assert faults(line) == ([fault] if fault else [])


def test_commands_are_found_where_they_stand() -> None:
    assert sum(len(each.commands) for each in pages() if each.path not in MADE) > 100
