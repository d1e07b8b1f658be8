"""What makes an API server refuse a Secret, found in our own manifest: the server's words may quote values (S4)."""

from __future__ import annotations

import base64
import re
from typing import Final, NamedTuple

from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping

_LONGEST_NAME: Final = 253
_NAME: Final = re.compile(rf"[-._a-zA-Z0-9]{{1,{_LONGEST_NAME}}}", re.ASCII)
_LINES: Final = str.maketrans("", "", "\r\n")


class Fault(NamedTuple):
    """What is wrong, by the names of fields and never by a value, and how to mend it."""

    said: str
    hint: str


def faults_of_secret(body: JsonObject) -> list[Fault]:
    """What no API server takes in `data` and `stringData` of a Secret; nothing for one whose fault is elsewhere.

    https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data: names are of letters, digits, `-`,
    `_` and `.`, values below `data` are base64. Null stands for nothing everywhere.
    """
    found: list[Fault] = []
    for block in ("data", "stringData"):
        values = body.get(block)
        if values is None:
            continue
        if not isinstance(values, dict):
            found.append(Fault(f"{block} is not a mapping", f"write NAME: VALUE lines below {block}"))
            continue
        for name, value in values.items():
            found += _faults_of_entry(block, name, value)
    return found


def fields_of_secret(body: JsonObject) -> list[str]:
    """`data.KEY`, `stringData.KEY` and the top fields of a Secret, the longest first."""
    nested = [f"{block}.{key}" for block in ("data", "stringData") for key in mapping(body, block)]
    return [*nested, *(key for key in body if key not in ("data", "stringData"))]


def _faults_of_entry(block: str, name: str, value: JsonValue) -> list[Fault]:
    found: list[Fault] = []
    plain = _NAME.fullmatch(name) is not None
    shown = f"{block}.{name}" if plain else f"{block}[{name[:_LONGEST_NAME]!r}]"
    if not plain or name == "." or name.startswith(".."):
        allowed = f"at most {_LONGEST_NAME} letters, digits, '-', '_' and '.', without '..' at the beginning"
        found.append(Fault(f"{shown} has a name that a Secret's key cannot have", f"use {allowed}"))
    if value is not None and not isinstance(value, str):
        found.append(Fault(f"{shown} is not a text", "put the value in quotes"))
    elif block == "data" and isinstance(value, str) and not _is_base64(value):
        found.append(Fault(f"{shown} is not base64", "encode the value, or put it under stringData as it is"))
    return found


def _is_base64(value: str) -> bool:
    """As Go's encoding/json reads bytes: padded, with the alphabet of RFC 4648 section 4, lines broken anywhere."""
    try:
        base64.b64decode(value.translate(_LINES), validate=True)
    except ValueError:
        return False
    return True
