"""The last state of hooks' objects that were deleted: how they ended may be known from nothing else."""

from __future__ import annotations

from typing import Final

from gitopsd.core.annotations import is_hook
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.live import LiveObject

_KEPT: Final = 1_000


class Vanished:
    """The newest of them, no more than `keep`."""

    def __init__(self, keep: int = _KEPT) -> None:
        self._keep = keep
        self._found: dict[tuple[ObjectKey, str], LiveObject] = {}
        self._last: dict[ObjectKey, str] = {}

    def note(self, gone: LiveObject) -> None:
        """Remember it if it was a hook's."""
        if not is_hook(string_map(gone.document.body(), "metadata", "annotations")):
            return
        place = (gone.key, gone.uid)
        self._found.pop(place, None)
        self._found[place] = gone
        self._last[gone.key] = gone.uid
        if len(self._found) > self._keep:
            key, uid = oldest = next(iter(self._found))
            del self._found[oldest]
            if self._last.get(key) == uid:
                del self._last[key]

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """The object with this uid, or the last with this key; None if nobody knows."""
        return self._found.get((key, uid or self._last.get(key, "")))
