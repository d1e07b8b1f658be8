"""Whether an event says anything new of an object, by what `core.noise` lets count."""

from __future__ import annotations

import orjson

from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.noise import Noise


class News:
    """Remembers a digest of each object that ever changed; most never do."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        self._digests: dict[ObjectKey, int] = {}

    def replace(self, noise: Noise) -> None:
        """Take these changes for none from now on."""
        self._noise = noise
        self._digests.clear()

    def said(self, live: LiveObject) -> int:
        """What the object says: equal for two states that differ in nothing that counts."""
        known = self._digests.get(live.key)
        return known if known is not None else self._digest(live)

    def repeats(self, live: LiveObject, before: int) -> bool:
        """Whether the object, as it is now, says what it said `before`."""
        now = self._digests[live.key] = self._digest(live)
        return now == before

    def forget(self, key: ObjectKey) -> None:
        """The object is gone, or kept in another form."""
        self._digests.pop(key, None)

    def _digest(self, live: LiveObject) -> int:
        return hash(orjson.dumps(self._noise.news(live.key, live.document.body(), tracked=bool(live.owner))))
