"""JSON in columns, written compactly and read strictly: what cannot be read raises ValueError."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, sequence, text


def to_json(body: Mapping[str, object]) -> str:
    """Foreign texts may hold what UTF-8 cannot (lone surrogates): such characters become `?`."""
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()


def from_json(encoded: str | bytes) -> JsonObject:
    """The object that was written."""
    body: JsonValue = orjson.loads(encoded)
    if not isinstance(body, Mapping):
        raise ValueError("expected an object")  # noqa: TRY004  # wrong content of a row, like every other way it can be wrong
    return body


def moment(when: datetime | None) -> str | None:
    """A time as it is written."""
    return when.isoformat() if when is not None else None


def read_moment(body: JsonObject, key: str) -> datetime | None:
    """A time, None if it is absent."""
    written = text(body, key)
    return datetime.fromisoformat(written) if written else None


def read_time(body: JsonObject, key: str) -> datetime:
    """A time that has to be there."""
    return datetime.fromisoformat(text(body, key))


def read_texts(body: JsonObject, key: str) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(item for item in sequence(body, key) if isinstance(item, str))


def read_rows(body: JsonObject, key: str, *, columns: int) -> list[tuple[str, ...]]:
    """A list of lists of so many texts each."""
    return [texts(row, key, columns) for row in sequence(body, key)]


def number(written: JsonValue) -> float | None:
    """A number, None if it is something else."""
    return written if isinstance(written, int | float) and not isinstance(written, bool) else None


def whole(written: JsonValue) -> int:
    """A whole number."""
    if not isinstance(written, int):
        raise ValueError("expected a whole number")  # noqa: TRY004  # wrong content of a row, like every other way it can be wrong
    return written


def string(written: JsonValue) -> str:
    """A text."""
    if not isinstance(written, str):
        raise ValueError("expected a text")  # noqa: TRY004  # wrong content of a row, like every other way it can be wrong
    return written


def texts(row: JsonValue, what: str, columns: int) -> tuple[str, ...]:
    """A list of so many texts."""
    cells = tuple(cell for cell in row if isinstance(cell, str)) if isinstance(row, list) else ()
    if len(cells) != columns:
        raise ValueError(f"{what}: expected {columns} texts")
    return cells


def read_gvk(body: JsonObject, key: str = "gvk") -> GVK:
    """Group, version, kind."""
    return gvk(sequence(body, key))


def gvk(row: JsonValue) -> GVK:
    """Group, version, kind in a list."""
    return GVK(*texts(row, "gvk", 3))


def object_key(row: JsonValue) -> ObjectKey:
    """Group, kind, namespace, name in a list."""
    return ObjectKey(*texts(row, "key", 4))


def listed(row: JsonValue, columns: int) -> Sequence[JsonValue]:
    """A list of so many values."""
    if not isinstance(row, list) or len(row) != columns:
        raise ValueError(f"expected {columns} values")
    return row
