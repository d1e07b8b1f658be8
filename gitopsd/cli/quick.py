"""`gitopsd app refresh` without Typer, whose import takes several times as long as the refresh itself.

Only the plainest spellings are read here; everything else, wrong ones above all, goes the usual way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Refresh(NamedTuple):
    """What `app refresh` is asked for. `form` is json, yaml or "" for text; `timeout` in seconds is for `wait`."""

    name: str
    hard: bool = False
    wait: bool = False
    timeout: float = 60.0
    socket: str = ""
    config: str = ""
    form: str = ""


def refresh_of(arguments: Sequence[str]) -> Refresh | None:
    """The refresh that `arguments` ask for in plain words; None if they ask for anything else."""
    if len(arguments) < 3 or list(arguments[:2]) != ["app", "refresh"]:
        return None
    names: list[str] = []
    values = {"--socket": "", "--config": ""}
    flags: set[str] = set()
    rest = iter(arguments[2:])
    for word in rest:
        if word in ("--hard", "--wait"):
            flags.add(word)
        elif word in values:
            values[word] = next(rest, "")
            if not values[word] or values[word].startswith("-"):
                return None
        elif word.startswith("-") or not word:
            return None
        else:
            names.append(word)
    if len(names) != 1:
        return None
    return Refresh(names[0], "--hard" in flags, "--wait" in flags, socket=values["--socket"], config=values["--config"])
