"""Where a rollback goes that names no history entry."""

from __future__ import annotations

from gitopsd.core.history import HistoryEntry, Past


def entry_before(past: Past) -> HistoryEntry | None:
    """The newest entry before the one that is deployed now (before the pinned one, if the application is pinned).

    Entries that deployed the same objects as the present one are passed over. None where there is none.
    """
    if not past.entries:
        return None
    present = past.entries[-1]
    if past.pin is not None:
        present = past.find(past.pin.entry) or present
    earlier = [item for item in past.entries if item.id < present.id and item.digest != present.digest]
    return earlier[-1] if earlier else None
