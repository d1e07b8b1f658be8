"""Who else changes what is ours: named, so that two who fight over one field can be told from somebody's single change.

Source: `managedFields`, https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.difference import owner_of
from gitopsd.core.ownership import FIELD_MANAGER

# Each of them is read as a whole; the first that has somebody else's name is enough.
_MOST_LOOKED_AT: Final = 5
_LONGEST: Final = 128


def changed_by(comparison: Comparison) -> str:
    """Who set a field that differs, and where, as `data.key of ConfigMap shop/one by kubectl-edit`.

    "" if nobody else is recorded: the field or the whole object is gone, or a default came in its place.
    """
    changed = (item for item in comparison.objects.values() if item.verdict is Verdict.CHANGED and item.live)
    for item in islice(changed, _MOST_LOOKED_AT):
        body = item.live.document.body() if item.live is not None else {}
        for path in item.changes[:_MOST_LOOKED_AT]:
            owner = owner_of(body, path)
            if owner is not None and owner.manager and owner.manager != FIELD_MANAGER:
                return f"{path} of {item.key} by {_shown(owner.manager)}"
    return ""


def _shown(manager: str) -> str:
    """The API server lets a manager have any printable name of 128 characters; a fake one need not."""
    return "".join(letter if letter.isprintable() else "?" for letter in manager[:_LONGEST])
