"""Users' actions as Argo CD keeps them: folders of its resource_customizations, and its ConfigMap argocd-cm.

    <group>/<Kind>/actions/discovery.lua         apps/Deployment/actions/discovery.lua
    <group>/<Kind>/actions/<name>/action.lua     (`<Kind>/actions/…` for the core group; `_` stands for any characters)

    resource.customizations.actions.<group>_<Kind>: | …      a key of `data`; the core group's kinds stand alone
    resource.customizations: | <group>/<Kind>: {actions: | …}

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/resource_actions/
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from gitopsd.core.customization import ActionRule
from gitopsd.core.errors import ConfigError
from gitopsd.core.ignore import KindPattern
from gitopsd.core.jsonvalue import JsonValue, mapping, objects, text

_DISCOVERY: Final = "discovery.lua"
_ACTION: Final = "action.lua"
_ACTIONS: Final = "actions"
_PREFIX: Final = "resource.customizations.actions."
_ALL: Final = "resource.customizations"
_MOST_RULES: Final = 2000
_MOST_ACTIONS: Final = 100
_MOST_BYTES: Final = 256 << 10
_MOST_FILE_BYTES: Final = 4 << 20


def read_actions(paths: Sequence[str]) -> tuple[ActionRule, ...]:
    """The rules of all these folders and files, those of a path with the longest names of groups and kinds first.

    Blocks: it reads the disk. Raises `ConfigError` that names what cannot be read.
    """
    found: list[ActionRule] = []
    for path in paths:
        rules = list(_of_folder(Path(path)) if os.path.isdir(path) else _of_config_map(Path(path)))
        found += sorted(rules, key=_literal, reverse=True)
    if len(found) > _MOST_RULES:
        raise ConfigError(f"there are more than {_MOST_RULES} kinds with actions", where=", ".join(paths[:5]))
    return tuple(found)


def _of_folder(root: Path) -> Iterator[ActionRule]:
    for first in _folders(root):
        if (first / _ACTIONS).is_dir():
            yield _of_kind("", first.name, first / _ACTIONS)
        for second in _folders(first):
            if first.name != _ACTIONS and (second / _ACTIONS).is_dir():
                yield _of_kind(first.name, second.name, second / _ACTIONS)


def _of_kind(group: str, kind: str, folder: Path) -> ActionRule:
    scripts = [(one.name, one / _ACTION) for one in _folders(folder) if (one / _ACTION).is_file()]
    if len(scripts) > _MOST_ACTIONS:
        raise ConfigError(f"there are more than {_MOST_ACTIONS} actions of one kind", where=str(folder))
    discovery = folder / _DISCOVERY
    return ActionRule(
        KindPattern(group.replace("_", "*"), kind.replace("_", "*")),
        _read(discovery, _MOST_BYTES) if discovery.is_file() else "",
        tuple((name, _read(script, _MOST_BYTES)) for name, script in scripts),
        merge_builtin=False,
        where=str(folder),
    )


def _of_config_map(file: Path) -> Iterator[ActionRule]:
    """Out of the ConfigMaps of a file, or a mapping of their keys."""
    try:
        documents: list[JsonValue] = list(yaml.safe_load_all(_read(file, _MOST_FILE_BYTES)))
    except yaml.YAMLError as error:
        raise ConfigError("the file of actions is no YAML", where=str(file), why=_first_line(error)) from None
    for document in documents:
        data = mapping(document, "data") or mapping(document)
        for key, item in data.items():
            if key.startswith(_PREFIX):
                yield _rule(key.removeprefix(_PREFIX), "_", item, f"{file}: {key}")
        for kind, settings in mapping(_parsed(data.get(_ALL), f"{file}: {_ALL}")).items():
            if (actions := mapping(settings).get(_ACTIONS)) is not None:
                yield _rule(kind, "/", actions, f"{file}: {_ALL}: {kind}")


def _rule(name: str, separator: str, content: JsonValue, where: str) -> ActionRule:
    group, _, kind = name.rpartition(separator)
    found = mapping(_parsed(content, where))
    definitions = tuple((text(one, "name"), text(one, _ACTION)) for one in objects(found, "definitions"))
    discovery = text(found, _DISCOVERY)
    if not kind or not (discovery or definitions) or not all(name and script for name, script in definitions):
        raise ConfigError(
            "the actions cannot be used",
            where=where,
            why=f"they need {_DISCOVERY}, and definitions with name and {_ACTION}",
            hint="docs/actions.md shows how they are written",
        )
    if len(definitions) > _MOST_ACTIONS or any(len(part) > _MOST_BYTES for _, part in (("", discovery), *definitions)):
        raise ConfigError("there are too many actions, or a script is too large", where=where)
    return ActionRule(KindPattern(group, kind), discovery, definitions, found.get("mergeBuiltinActions") is True, where)


def _parsed(content: JsonValue, where: str) -> JsonValue:
    """Settings are texts of YAML in a ConfigMap, and may be plain elsewhere."""
    if not isinstance(content, str):
        return content
    try:
        found: JsonValue = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ConfigError("the actions are no YAML", where=where, why=_first_line(error)) from None
    return found


def _first_line(error: yaml.YAMLError) -> str:
    place = getattr(error, "problem_mark", None)
    return f"line {place.line + 1}" if isinstance(place, yaml.Mark) else ""


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise ConfigError("actions cannot be read", where=str(parent), why=str(error.strerror)) from error
    return [parent / name for name in names]


def _read(file: Path, most: int) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(most + 1)
        if len(raw) > most:
            raise ConfigError(f"the file is larger than {most} bytes", where=str(file))
        return raw.decode()
    except OSError as error:
        raise ConfigError(
            "the file of actions cannot be read",
            where=str(file),
            why=str(error.strerror),
            hint="name a folder as Argo CD's resource_customizations, or a file with its ConfigMap argocd-cm",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the file of actions is no UTF-8 text", where=str(file)) from error


def _literal(rule: ActionRule) -> int:
    return len((rule.kinds.group + rule.kinds.kind).replace("*", ""))
