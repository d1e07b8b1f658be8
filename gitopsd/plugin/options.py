"""A source's block of options, read strictly: a key that nobody asked for is an error, never silence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue


class Options:
    """Typed access to one mapping of the YAML. `name` is the path of keys that leads to it (`source.helm`).

    Each getter answers with its default where the key is absent or null, and raises `RenderError` naming the key where
    its value has another type. `done` raises for keys that were never asked for.
    """

    def __init__(self, block: JsonObject, name: str) -> None:
        self._block = block
        self._name = name
        self._known: set[str] = set()

    def done(self) -> None:
        """Raise `RenderError` for the first unknown key, with the nearest known one as its hint."""
        for key in self._block:
            if key not in self._known:
                near = difflib.get_close_matches(str(key), self._known, n=1)
                known = ", ".join(sorted(self._known))
                raise RenderError(
                    f"{self._name}.{key} is not an option of this renderer",
                    hint=f"did you mean {near[0]}?" if near else f"the options are {known}",
                )

    def has(self, key: str) -> bool:
        """Whether the key holds something other than null."""
        return self._get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        found = self._get(key)
        if found is None:
            return default
        if not isinstance(found, str):
            raise self.wrong(key, "a string", found)
        return found

    def boolean(self, key: str) -> bool:
        """True or false; false where absent."""
        found = self._get(key)
        if found is None:
            return False
        if not isinstance(found, bool):
            raise self.wrong(key, "true or false", found)
        return found

    def integer(self, key: str, default: int = 0) -> int:
        """A whole number; a string of digits counts as one, because Argo CD accepts both."""
        found = self._get(key)
        if found is None:
            return default
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
            return int(found)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self.wrong(key, "a whole number", found)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._item_text(key, index, item) for index, item in enumerate(self._list(key)))

    def text_map(self, key: str) -> dict[str, str]:
        """A mapping of strings to strings."""
        return {name: self._item_text(key, name, item) for name, item in self.object(key).items()}

    def object(self, key: str) -> JsonObject:
        """Any mapping, as it stands."""
        found = self._get(key)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise self.wrong(key, "a mapping", found)
        return found

    def block(self, key: str) -> Options:
        """A mapping that is read strictly in its turn (call its `done`)."""
        return Options(self.object(key), f"{self._name}.{key}")

    def blocks(self, key: str) -> tuple[Options, ...]:
        """A list of mappings that are read strictly in their turn."""
        found: list[Options] = []
        for index, item in enumerate(self._list(key)):
            if not isinstance(item, Mapping):
                raise self.wrong(f"{key}[{index}]", "a mapping", item)
            found.append(Options(item, f"{self._name}.{key}[{index}]"))
        return tuple(found)

    def where(self, key: str) -> str:
        """The key's full name, for messages."""
        return f"{self._name}.{key}"

    def wrong(self, key: str, expected: str, found: JsonValue) -> RenderError:
        """The error for a value of the wrong type; it never quotes the value."""
        return RenderError(f"{self._name}.{key}: expected {expected}, got {_kind(found)}")

    def _get(self, key: str) -> JsonValue:
        self._known.add(key)
        return self._block.get(key)

    def _list(self, key: str) -> Sequence[JsonValue]:
        found = self._get(key)
        if found is None:
            return ()
        if isinstance(found, str) or not isinstance(found, Sequence):
            raise self.wrong(key, "a list", found)
        return found

    def _item_text(self, key: str, item: int | str, found: JsonValue) -> str:
        if not isinstance(found, str):
            raise self.wrong(f"{key}[{item}]", "a string", found)
        return found


def _kind(found: JsonValue) -> str:
    match found:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"
