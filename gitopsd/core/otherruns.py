"""Hooks that another operation began: of another gitopsd at work on the objects, or of one whose state was lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gitopsd.core.annotations import OPERATION, is_hook
from gitopsd.core.health.timing import made_at
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import objects, string_map, text
from gitopsd.core.live import LiveObject

_JOB: Final = GroupKind("batch", "Job")
_POD: Final = GroupKind("", "Pod")


def maker_of(live: LiveObject) -> str:
    """The id of the operation that made a hook's object; "" if gitopsd did not make it."""
    made_by = string_map(live.document.body(), "metadata", "annotations").get(OPERATION, "")
    return made_by.rpartition("/")[0]


def ran_out(live: LiveObject) -> bool:
    """Whether it is a hook's Job or Pod, by its own status at its end: nobody waits for anything of it any more."""
    body = live.document.body()
    if not is_hook(string_map(body, "metadata", "annotations")):
        return False
    if live.key.group_kind == _POD:
        return text(body, "status", "phase") in ("Succeeded", "Failed")
    ends = (one for one in objects(body, "status", "conditions") if text(one, "type") in ("Complete", "Failed"))
    return live.key.group_kind == _JOB and any(text(one, "status") == "True" for one in ends)


def abandoned_at(live: LiveObject, timeout: float | None) -> datetime | None:
    """From when on nobody waits for a hook's object any more: whoever made it would have ended it by then. `timeout` is
    the hook's, in seconds; None: never.
    """
    made = made_at(live.document.body())
    return made + timedelta(seconds=timeout) if made is not None and timeout is not None else None
