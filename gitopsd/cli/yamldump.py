"""YAML for people and for kubectl: block style, no aliases, and nothing that another YAML would read otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import yaml

from gitopsd.cli.visible import is_harmless
from gitopsd.core.jsonvalue import JsonValue

# Readers differ in what is a number, a time, a boolean or null (YAML 1.1, 1.2, kubectl): all of it is quoted.
_NUMBER = re.compile(r"[-+]?\.?[0-9][0-9A-Za-z_.,:+-]*([ \t].*)?\Z|[-+]?\.(inf|nan)\Z", re.IGNORECASE)
_WORDS = frozenset(("", "~", "null", "y", "n", "yes", "no", "on", "off", "true", "false", "=", "<<", "nan", "inf"))
_LINE_ENDS = "\r\x85\u2028\u2029"


def dump(value: JsonValue) -> str:
    """One document, without markers."""
    return _dumped(value)


def dump_all(values: Iterable[JsonValue]) -> str:
    """Documents, each after a line of `---`."""
    return "".join(f"---\n{_dumped(value)}" for value in values)


class _Dumper(yaml.CSafeDumper):
    """Writes JSON values."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the signature is PyYAML's
        """The same object twice is written twice."""
        return True


def _dumped(value: JsonValue) -> str:
    harmless = all(is_harmless(text) for text in _texts(value))
    try:
        return _written(value, allow_unicode=harmless)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can hold and no text can.
        return _written(_mended(value), allow_unicode=False)


def _written(value: JsonValue, *, allow_unicode: bool) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=allow_unicode, default_flow_style=False, sort_keys=False, width=2**31 - 1
    )
    # PyYAML ends a document that is a bare scalar with its own marker.
    return text.removesuffix("...\n")


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    if "\n" in value and not any(char in value for char in _LINE_ENDS):
        style: str | None = "|"
    elif value.lower() in _WORDS or _NUMBER.match(value):
        style = "'"
    else:
        style = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _mapping(dumper: _Dumper, value: Mapping[str, JsonValue]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=False if value else None)


def _sequence(dumper: _Dumper, value: Sequence[JsonValue]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=False if value else None)


def _texts(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)


def _mended(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(_mended(key)): _mended(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_mended(item) for item in value]
    return value


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)
# Typeshed asks for a class that can be made; the representer looks among the bases of an object's class.
_Dumper.add_multi_representer(Mapping, _mapping)  # type: ignore[type-abstract]  # see the line above
_Dumper.add_multi_representer(Sequence, _sequence)  # type: ignore[type-abstract]  # see the line above
