"""Users' health rules: which one is for which kind, and folders as Argo CD's `resource_customizations`.

    <group>/<Kind>/health.lua       cert-manager.io/Certificate/health.lua
    <Kind>/health.lua               a kind of the core group
    _.crossplane.io/_/health.lua    `_` stands for `*`: any characters

(https://argo-cd.readthedocs.io/en/stable/operator-manual/health/). Actions, tests and their data are for others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gitopsd.core.customization import HealthRule
from gitopsd.core.errors import ConfigError
from gitopsd.core.ids import GroupKind
from gitopsd.core.ignore import KindPattern

SCRIPT: Final = "health.lua"
_MOST_SCRIPTS: Final = 5000
_MOST_BYTES: Final = 256 << 10


def read_customizations(folder: str) -> tuple[HealthRule, ...]:
    """The rules of a folder, those with the longest names of groups and kinds first. Blocks: it reads the disk.

    They get Lua's libraries as Argo CD's own scripts do. Raises `ConfigError` that names what cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(
            "the folder of health rules is not there",
            where=folder,
            hint="name a folder that holds <group>/<Kind>/health.lua, as Argo CD's resource_customizations",
        )
    rules: list[HealthRule] = []
    for group, kind, script in _scripts(root):
        rules.append(HealthRule(KindPattern(_glob(group), _glob(kind)), "lua", _read(script), True, str(script)))
        if len(rules) > _MOST_SCRIPTS:
            raise ConfigError(f"there are more than {_MOST_SCRIPTS} health rules", where=folder)
    return tuple(sorted(rules, key=_literal, reverse=True))


class RuleBook:
    """The rule for each kind, out of `shelves` in their order: on each the rule for exactly this kind, else the first
    whose globs fit it (as Argo CD's overrides come before its files).
    """

    def __init__(self, *shelves: Sequence[HealthRule]) -> None:
        self._shelves = [_Shelf(rules) for rules in shelves if rules]
        self._found: dict[GroupKind, HealthRule | None] = {}

    def find(self, kind: GroupKind) -> HealthRule | None:
        """None where no rule is for `kind`."""
        if not self._shelves:
            return None
        if kind not in self._found:
            found = (shelf.find(kind) for shelf in self._shelves)
            self._found[kind] = next((rule for rule in found if rule is not None), None)
        return self._found[kind]


class _Shelf:
    def __init__(self, rules: Sequence[HealthRule]) -> None:
        self._exact: dict[GroupKind, HealthRule] = {}
        self._globs: list[HealthRule] = []
        for rule in rules:
            if any(char in rule.kinds.group + rule.kinds.kind for char in "*?["):
                self._globs.append(rule)
            else:
                self._exact.setdefault(GroupKind(rule.kinds.group, rule.kinds.kind), rule)

    def find(self, kind: GroupKind) -> HealthRule | None:
        exact = self._exact.get(kind)
        return exact or next((rule for rule in self._globs if rule.kinds.fits(kind)), None)


def _scripts(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Group, kind and path of each script, in order of their names."""
    for first in _folders(root):
        if (first / SCRIPT).is_file():
            yield "", first.name, first / SCRIPT
        for second in _folders(first):
            if (second / SCRIPT).is_file():
                yield first.name, second.name, second / SCRIPT


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise ConfigError("health rules cannot be read", where=str(parent), why=str(error.strerror)) from error
    return [parent / name for name in names]


def _read(script: Path) -> str:
    try:
        with script.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ConfigError(f"the health rule is larger than {_MOST_BYTES} bytes", where=str(script))
        return raw.decode()
    except OSError as error:
        raise ConfigError("the health rule cannot be read", where=str(script), why=str(error.strerror)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the health rule is no UTF-8 text", where=str(script)) from error


def _glob(name: str) -> str:
    return name.replace("_", "*")


def _literal(rule: HealthRule) -> int:
    return len((rule.kinds.group + rule.kinds.kind).replace("*", ""))
