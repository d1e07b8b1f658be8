"""Hooks that another operation began: of another gitopsd at work on the objects, or of one whose state was lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from gitopsd.core.annotations import OPERATION
from gitopsd.core.health.timing import made_at
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.live import LiveObject


def maker_of(live: LiveObject) -> str:
    """The id of the operation that made a hook's object; "" if gitopsd did not make it."""
    made_by = string_map(live.document.body(), "metadata", "annotations").get(OPERATION, "")
    return made_by.rpartition("/")[0]


def abandoned_at(live: LiveObject, timeout: float | None) -> datetime | None:
    """From when on nobody waits for a hook's object any more: whoever made it would have ended it by then. `timeout` is
    the hook's, in seconds; None: never.
    """
    made = made_at(live.document.body())
    return made + timedelta(seconds=timeout) if made is not None and timeout is not None else None
