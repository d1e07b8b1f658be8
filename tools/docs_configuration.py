"""docs/configuration.md: every key of the main file, from its models' schema and the example beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitopsd.config.models.main import Main
from gitopsd.config.schema import json_schema
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, sequence, text

EXAMPLE: Final = Path(__file__).resolve().parent.parent / "config" / "gitopsd.example.yaml"
_SHAPE: Final = "#/$defs/"
_HEAD: Final = """\
# The configuration, key by key

<!-- Made by `make docs` from gitopsd/config/models/ and config/gitopsd.example.yaml; edit these instead. -->

One YAML file (`gitopsd run --config FILE`), and the files that its `include` names. `gitopsd config check FILE` tells
every error at once, with line and key; a change of the files is loaded while the daemon runs. The same keys stand, with
their comments, in [config/gitopsd.example.yaml](../config/gitopsd.example.yaml);
[config/schema.json](../config/schema.json) makes an editor complete them (`gitopsd config schema` prints it).

A key that is not known is an error. A key without a value counts as absent. Relative paths start from the folder of the
file that they stand in; `~/` is the home folder.

## Values

| Type | What is written |
|---|---|
"""
_VALUES: Final = {
    "duration": "`30s`, `3m`, `1h30m`, or a number of seconds",
    "size": "`512Mi`, `1Gi`, or a number of bytes",
    "share": "`50%`, or a number from 0 to 1",
    "text": "text or file: text, in which `${NAME}` is a variable of the environment (`$$` is a dollar sign); "
    "`{file: PATH}`; or `{credential: NAME}` for one of systemd's credentials (`LoadCredential=`)",
    "secret": "as text or file; it is never shown, and `gitopsd config check` warns of files that others may read",
    "glob": "`*` is anything, `?` one character, `[ab]` one of them",
}


@dataclass(frozen=True, slots=True)
class _Section:
    """One mapping of the file: its path (or the name of a shape that occurs in several places), and its keys."""

    path: str
    shape: JsonObject
    level: int
    about: str


def page() -> str:
    """The whole page."""
    schema = json_schema()
    shapes = mapping(schema, "$defs")
    several = _occurring_several_times(schema)
    examples = _examples()
    values = [f'| <a id="{name}"></a>{name} | {about} |\n' for name, about in _VALUES.items()]
    parts = [_HEAD, *values, "\n## The file\n\n", *_table(_Section("", schema, 2, ""), shapes, several)]
    for key, described in mapping(schema, "properties").items():
        parts += ["\n", f"## {key}\n\n", f"{_sentence(text(described, 'description') or _about(described, shapes))}\n"]
        if key in examples:
            parts += ["\n```yaml\n", examples[key], "```\n"]
        for section in _sections(key, mapping(described), shapes, several, 2):
            parts += _drawn(section, shapes, several, headless=section.path.removesuffix("[]") == key)
    parts.append("\n## Shapes that occur in several places\n")
    for name in sorted(several):
        shape = mapping(shapes, name)
        section = _Section(name, shape, 3, text(shape, "description"))
        parts += _drawn(section, shapes, several, headless=False)
        for key, described in mapping(shape, "properties").items():
            for below in _sections(f"{name}.{key}", mapping(described), shapes, several, 3):
                parts += _drawn(below, shapes, several, headless=False)
    return "".join(parts)


def _drawn(section: _Section, shapes: JsonObject, several: frozenset[str], *, headless: bool) -> Iterator[str]:
    yield "\n"
    if not headless:
        yield f"### {section.path}\n\n{_sentence(section.about)}\n\n"
    yield from _table(section, shapes, several)


def _sections(
    path: str, described: JsonObject, shapes: JsonObject, several: frozenset[str], level: int
) -> Iterator[_Section]:
    """The mappings at and below a key, but for those of shapes that occur in several places."""
    for name, listed in _shapes_of(described):
        if name in several:
            continue
        shape = mapping(shapes, name)
        here = f"{path}[]" if listed else path
        yield _Section(here, shape, level, text(described, "description") or text(shape, "description"))
        for key, below in mapping(shape, "properties").items():
            yield from _sections(f"{here}.{key}", mapping(below), shapes, several, level + 1)


def _shapes_of(described: JsonObject) -> Iterator[tuple[str, bool]]:
    """Names of the shapes that a value may have, and whether it is a list of them."""
    if reference := text(described, "$ref"):
        yield reference.removeprefix(_SHAPE), False
    for choice in sequence(described, "anyOf"):
        yield from _shapes_of(mapping(choice))
    if "items" in described:
        yield from ((name, True) for name, _ in _shapes_of(mapping(described, "items")))


def _occurring_several_times(schema: JsonObject) -> frozenset[str]:
    places = [schema, *(mapping(shape) for shape in mapping(schema, "$defs").values())]
    counted = Counter(
        name
        for place in places
        for described in mapping(place, "properties").values()
        for name, _ in _shapes_of(mapping(described))
    )
    return frozenset(name for name, times in counted.items() if times > 1)


def _table(section: _Section, shapes: JsonObject, several: frozenset[str]) -> Iterator[str]:
    yield "| Key | Type | Default | Meaning |\n|---|---|---|---|\n"
    required = {str(key) for key in sequence(section.shape, "required")}
    for key, described in mapping(section.shape, "properties").items():
        shape = mapping(described)
        about, told = _default_told(text(shape, "description") or _about(shape, shapes))
        path = f"{section.path}.{key}".lstrip(".")
        default = "required" if key in required else told or _default(path, shape)
        typed = _type(path, shape, several)
        yield f'| <a id="{anchor(path)}"></a>`{key}` | {typed} | {default} | {_cell(_sentence(about))} |\n'


def anchor(path: str) -> str:
    """Where a key stands in the page: `clusters[].token` is `clusters.token`."""
    return path.replace("[]", "").lower() if "." in path else f"key.{path.lower()}"


def _about(described: JsonValue, shapes: JsonObject) -> str:
    """What a key without a description of its own means: what its shape says."""
    return next((text(mapping(shapes, name), "description") for name, _ in _shapes_of(mapping(described))), "")


def _default_told(about: str) -> tuple[str, str]:
    """A description and the default that it ends with, if it tells one."""
    match = re.search(r"\s*Default: ((?:[^\s.]|\./)(?:[^.]|\.(?!\s|$))*)\.?$", about)
    if match is None:
        return about, ""
    told = match[1].strip()
    literal = told != "all" and re.fullmatch(r"[\w%./]+", told)
    return about[: match.start()], f"`{told}`" if literal else _cell(told)


def _default(path: str, described: JsonObject) -> str:
    found: JsonValue = described.get("default", _built_in(path))
    if found in (None, "", [], {}) or (isinstance(found, Mapping)):
        return ""
    if isinstance(found, bool):
        return f"`{str(found).lower()}`"
    if isinstance(found, int | float):
        return f"`{_number(found, _kind(described))}`"
    if isinstance(found, str):
        return f"`{found}`"
    return ", ".join(f"`{each}`" for each in found) if isinstance(found, list | tuple) else ""


def _built_in(path: str) -> JsonValue:
    """What a file without this key has, where no list is on the way to it."""
    found: object = Main().model_dump(by_alias=True, mode="python")
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return [str(each) for each in found] if isinstance(found, list | tuple) else None


def _number(value: float, kind: str) -> str:
    if kind == "share":
        return f"{value:.0%}"
    whole = int(value)
    if kind == "duration" and whole == value:
        return next((f"{whole // size}{unit}" for unit, size in _TIMES if whole and whole % size == 0), str(whole))
    if kind == "size":
        return next((f"{whole // size}{unit}" for unit, size in _SIZES if whole and whole % size == 0), str(whole))
    return str(whole) if whole == value else str(value)


_TIMES: Final = (("h", 3600), ("m", 60), ("s", 1))
_SIZES: Final = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def _kind(described: JsonObject) -> str:
    """duration, size, share, or nothing: told apart by the examples that the models give."""
    given = [str(each) for each in sequence(described, "examples")]
    if any(re.fullmatch(r"\d+[smh].*", each) for each in given):
        return "duration"
    if any(re.fullmatch(r"\d+[KMG]i", each) for each in given):
        return "size"
    return "share" if any(each.endswith("%") for each in given) else ""


def _type(path: str, described: JsonObject, several: frozenset[str]) -> str:
    if kind := _kind(described):
        return f"[{kind}](#{kind})"
    if reference := text(described, "$ref"):
        name = reference.removeprefix(_SHAPE)
        return f"[{name}](#{name.lower()})" if name in several else f"[mapping](#{_slug(path)})"
    if "enum" in described:
        return " or ".join(f"`{each}`" for each in sequence(described, "enum"))
    if "anyOf" in described:
        return _choices(path, described, several)
    if "items" in described:
        return f"list of {_plural(_type(f'{path}[]', mapping(described, 'items'), several))}"
    return _plain(path, described, several)


def _choices(path: str, described: JsonObject, several: frozenset[str]) -> str:
    found: list[str] = []
    secret = bool(described.get("writeOnly"))
    for choice in (mapping(each) for each in sequence(described, "anyOf")):
        if text(choice, "type") == "null":
            continue
        if {"file", "credential"} & mapping(choice, "properties").keys():
            found = ["[secret](#secret)" if secret else "[text or file](#text)", *found[1:]]
            continue
        named = _type(path, choice, several)
        if named not in found:
            found.append(named)
    return " or ".join(found)


def _plain(path: str, described: JsonObject, several: frozenset[str]) -> str:
    kinds = described.get("type")
    names = [str(each) for each in kinds] if isinstance(kinds, list | tuple) else [str(kinds)]
    if names == ["object"]:
        values = described.get("additionalProperties")
        return f"map of {_plural(_type(path, values, several))}" if isinstance(values, Mapping) else "mapping"
    told = " or ".join(names)
    least, most = described.get("minimum"), described.get("maximum")
    if isinstance(least, int | float) and isinstance(most, int | float) and abs(most) < 1 << 31:
        return f"{told}, {least} to {most}"
    return f"{told}, {least} or more" if isinstance(least, int | float) and least >= 0 else told


def _plural(name: str) -> str:
    return re.sub(r"^(\[?)(string|mapping|integer|boolean)\b", r"\1\2s", name)


def _slug(path: str) -> str:
    """Where the section of a path stands: GitHub's anchor of its heading."""
    return re.sub(r"[^\w-]", "", path.removesuffix("[]") if "." not in path else path).lower()


def _sentence(about: str) -> str:
    about = " ".join(about.split())
    return about if not about or about.endswith((".", "!", "…")) else f"{about}."


def _cell(about: str) -> str:
    """Text that stands in a table and holds no markup but its own."""
    return re.sub(r"(?<![\\`])\*(?![`])", r"\\*", about.replace("|", r"\|")).replace("<", "&lt;")


def _examples() -> Mapping[str, str]:
    """The lines of each top-level key in the example, with the comments inside it."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z]+):", line):
            current = found.setdefault(match[1], [])
        elif line.startswith("#") or not line:
            current = []
        current.append(line)
    return {key: "\n".join(lines) + "\n" for key, lines in found.items()}
