"""`--values` and `--set`, as the options of a Helm source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gitopsd.cli.failures import BadInputError
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping
from gitopsd.plugin.yamltext import decode_text, parse_yaml

_MOST_BYTES: Final = 8 << 20

Decrypt = Callable[[str, bytes], bytes]
"""The plain text of a file that SOPS encrypted: its path, its content."""


def helm_options(files: Sequence[str], parameters: Sequence[str], decrypt: Decrypt) -> JsonObject | None:
    """The block `source.helm`; None where neither is given. Raises `BadInputError`, and what `decrypt` raises. Blocks.

    Files may be anywhere, as with `helm -f`: the person at the keyboard names them, not the repository.
    """
    if not files and not parameters:
        return None
    merged: JsonObject = {}
    for file in files:
        merged = _merged(merged, _read(file, decrypt))
    options: dict[str, JsonValue] = {"parameters": [_parameter(each) for each in parameters]}
    return {**options, "valuesObject": merged} if files else options


def _merged(below: JsonObject, above: JsonObject) -> JsonObject:
    """As Helm merges value files: mappings key by key, anything else is replaced."""
    found = dict(below)
    for key, item in above.items():
        before = found.get(key)
        if isinstance(before, Mapping) and isinstance(item, Mapping):
            found[key] = _merged(before, item)
        else:
            found[key] = item
    return found


def _read(file: str, decrypt: Decrypt) -> JsonObject:
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise BadInputError("the values cannot be read", where=file, why=why, hint="--values with a file") from None
    if len(data) > _MOST_BYTES:
        raise BadInputError(
            f"the values have more than {_MOST_BYTES} bytes", where=file, hint="leave out what is unused"
        )
    found = _parsed(file, data)
    if {"mac", "lastmodified", "version"} <= mapping(found, "sops").keys():
        return _parsed(file, decrypt(file, data))
    return found


def _parsed(file: str, data: bytes) -> JsonObject:
    try:
        found = parse_yaml(decode_text(data, file), file=file)
    except RenderError as error:
        raise BadInputError(error.what, where=error.where, why=error.why, hint=error.hint or "correct it") from None
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise BadInputError("Helm values are a mapping", where=file, hint="write `key: value` at its top level")
    return found


def _parameter(text: str) -> JsonObject:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInputError(f"--set {text}: expected KEY=VALUE", hint="repeat --set for several values")
    return {"name": name, "value": value}
