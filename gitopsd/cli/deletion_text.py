"""A deletion in the words of the API (`gitopsd.web.models.history.DeletionAnswer`), as text for people."""

from __future__ import annotations

from gitopsd.core.jsonvalue import JsonObject, boolean, text

_WAITING = ("Held", "Waiting")


def deletion_of(deletion: JsonObject) -> str:
    """`it is being deleted: …`; with what is wrong, else with what it waits for."""
    said = text(deletion, "error") or text(deletion, "message")
    how = "its objects stay" if text(deletion, "cascade") == "orphan" else ""
    if boolean(deletion, "done"):
        return "it was deleted" + (f", and {how}" if how else "")
    what = "it is to be deleted" if text(deletion, "phase") in _WAITING else "it is being deleted"
    return what + (f" ({how})" if how else "") + (f": {said}" if said else "")
