"""Strict reads out of a live object: an absent field is empty, one of the wrong type is said so by name.

`gitopsd.core.jsonvalue` reads forgivingly and takes an ill-typed field for an absent one. Health may not: replicas "3"
taken for absent would call a Deployment healthy that nobody can judge. The API server never stores such objects of its
own kinds; files, custom kinds and aggregated API servers can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gitopsd.core.jsonvalue import JsonObject, JsonValue

_TYPE_NAMES: Sequence[tuple[type, str]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (int, "a whole number"),
    (float, "a fraction"),
    (str, "a string"),
    (Mapping, "a mapping"),
    (Sequence, "a list"),
)


class FieldTypeError(Exception):
    """A field holds another type than the Kubernetes API gives it. Never leaves the health package.

    The message names the field and the types, not the value: it could be long, or a secret.
    """

    def __init__(self, field: str, wanted: str, found: str) -> None:
        super().__init__(f"{field or 'the object'} should be {wanted}, not {found}")


@dataclass(frozen=True, slots=True)
class Fields:
    """One mapping of a live object with its own place in it (`at`, like `status.conditions[0]`; "" for the whole).

    Every reader takes a path of mapping keys, answers an absent or null field with the empty value, and raises
    FieldTypeError where the field, or a mapping on the way to it, is of another type.
    """

    root: JsonObject
    at: str = ""

    def under(self, *path: str) -> Fields:
        """The mapping at `path`."""
        found = self._value(path)
        if found is None:
            return Fields({}, self._place(path))
        if not isinstance(found, Mapping):
            raise FieldTypeError(self._place(path), "a mapping", _type_name(found))
        return Fields(found, self._place(path))

    def each(self, *path: str) -> tuple[Fields, ...]:
        """The mappings in the list at `path`, in order."""
        place = self._place(path)
        items = self._items(path)
        for index, item in enumerate(items):
            if not isinstance(item, Mapping):
                raise FieldTypeError(f"{place}[{index}]", "a mapping", _type_name(item))
        return tuple(Fields(item, f"{place}[{index}]") for index, item in enumerate(items) if isinstance(item, Mapping))

    def texts(self, *path: str) -> tuple[str, ...]:
        """The strings in the list at `path`, in order."""
        items = self._items(path)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise FieldTypeError(f"{self._place(path)}[{index}]", "a string", _type_name(item))
        return tuple(item for item in items if isinstance(item, str))

    def present(self, *path: str) -> bool:
        """Whether there is anything but null at `path`."""
        return self._value(path) is not None

    def text(self, *path: str) -> str:
        """The string at `path`."""
        found = self._value(path)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise FieldTypeError(self._place(path), "a string", _type_name(found))
        return found

    def strings(self, *path: str) -> Mapping[str, str]:
        """The mapping of strings at `path` (labels, annotations)."""
        found = self.under(*path)
        return {key: found.text(key) for key in found.root}

    def boolean(self, *path: str) -> bool:
        """The boolean at `path`."""
        found = self._value(path)
        if found is None:
            return False
        if not isinstance(found, bool):
            raise FieldTypeError(self._place(path), "a boolean", _type_name(found))
        return found

    def integer(self, *path: str) -> int:
        """The whole number at `path`, 0 if absent."""
        return self.optional_integer(*path) or 0

    def optional_integer(self, *path: str) -> int | None:
        """The whole number at `path`, None if absent."""
        found = self._value(path)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int):
            raise FieldTypeError(self._place(path), "a whole number", _type_name(found))
        return found

    def time(self, *path: str) -> datetime | None:
        """The RFC 3339 time at `path` (UTC if it names no zone), None if absent."""
        found = self.text(*path)
        if not found:
            return None
        try:
            parsed = datetime.fromisoformat(found)
        except ValueError:
            raise FieldTypeError(self._place(path), "a time like 2006-01-02T15:04:05Z", "other text") from None
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

    def _items(self, path: tuple[str, ...]) -> Sequence[JsonValue]:
        found = self._value(path)
        if found is None:
            return ()
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise FieldTypeError(self._place(path), "a list", _type_name(found))
        return found

    def _value(self, path: tuple[str, ...]) -> JsonValue:
        here: JsonValue = self.root
        for depth, key in enumerate(path):
            if here is None:
                return None
            if not isinstance(here, Mapping):
                raise FieldTypeError(self._place(path[:depth]), "a mapping", _type_name(here))
            here = here.get(key)
        return here

    def _place(self, path: tuple[str, ...]) -> str:
        return ".".join((self.at, *path) if self.at else path)


def _type_name(found: JsonValue) -> str:
    return next((name for type_, name in _TYPE_NAMES if isinstance(found, type_)), f"a {type(found).__name__}")
