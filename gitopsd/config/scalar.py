"""Plain scalars as Kubernetes' tools read them: YAML 1.1 booleans, decimal, hexadecimal and octal numbers, no
timestamps."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from gitopsd.core.jsonvalue import JsonValue

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_WHOLE = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|0[0-7_]*|[1-9][0-9_]*)")
# An exponent needs its sign: the commit id 12e4567 is text.
_REAL = re.compile(r"[-+]?[0-9_]*\.?[0-9][0-9_]*([eE][-+][0-9]+)?")
_NOT_IN_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, JsonValue] = {**dict.fromkeys(_NULL), **dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
_FIRST_OF_NUMBER = frozenset("+-.0123456789")
# Beyond it, JSON's readers keep no whole number exactly; Go's turn it into a float.
_LARGEST_WHOLE = 2**64


def resolve(text: str) -> tuple[JsonValue, str]:
    """The value of an unquoted scalar, and an error message ("" if there is none)."""
    if text in _WORDS:
        return _WORDS[text], ""
    return _number(text) if text[0] in _FIRST_OF_NUMBER else (text, "")


def tagged(tag: str, text: str) -> tuple[JsonValue, str]:
    """The value of a scalar with one of YAML's own tags (`str`, `int`, …), and an error message ("" if there is
    none)."""
    if tag == "str":
        return text, ""
    if tag not in _FITS:
        return None, f"the tag !!{tag} is not allowed"
    value, error = resolve(text)
    if not error and not _FITS[tag](value):
        error = f"the value does not fit its tag !!{tag}"
    if tag == "float" and isinstance(value, int):
        value = float(value)
    return (None if error else value), error


_FITS: dict[str, Callable[[JsonValue], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _number(text: str) -> tuple[JsonValue, str]:
    if _WHOLE.fullmatch(text):
        return _whole(text)
    if _REAL.fullmatch(text):
        value = float(text.replace("_", ""))
        return (value, "") if math.isfinite(value) else (None, "the number is too large")
    if _NOT_IN_JSON.fullmatch(text):
        return None, "infinity and not-a-number have no place in JSON"
    return text, ""


def _whole(text: str) -> tuple[JsonValue, str]:
    digits = text.replace("_", "").lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    if not digits or digits in {"0b", "0x", "0o"}:
        return text, ""
    if len(digits) > 400:
        return None, "the number is too large"
    octal = digits[0] == "0" and digits[1:2].isdecimal()
    value = int(digits, 8 if octal else 0)
    if value < _LARGEST_WHOLE:
        return sign * value, ""
    try:
        return sign * float(value), ""
    except OverflowError:
        return None, "the number is too large"
