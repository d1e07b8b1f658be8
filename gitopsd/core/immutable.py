"""Which refusals of an API server say that a field cannot be changed: only an object made anew can have the new value.

The server has no reason of its own for it: a 422 like any other. The words are those of Kubernetes' own validation (a
test asks a real API server for them), and of the usual CEL rules of CustomResourceDefinitions
(https://kubernetes.io/docs/reference/using-api/cel/).
"""

from __future__ import annotations

import re
from typing import Final

from gitopsd.core.errors import without_hint

IMMUTABLE: Final = "a field cannot be changed"
"""How our own errors say it; which field it is comes after a colon."""

# Each stands at the end of what is said of one field, so that no name and no value of a manifest is taken for it.
_WORDS: Final = re.compile(
    r"(?:"
    r"\bis immutable(?: when `\w+` is set| after [^\n]*)?"
    r"|: may not (?:change|be changed)(?: once set| in an update\.?)?"
    r"|: cannot (?:change roleRef|be changed)"
    r"|: failed rule: self(?:\.\w+)* == oldSelf(?:\.\w+)*"
    r"|: Forbidden: (?:updates to \w+ spec for fields other than|pod updates may not change fields other than) [^\n]*"
    r"|: field can not be less than (?:status\.capacity|previous value)"
    r")(?:$|[\n,;\]]|\. )"
)
_OTHERS: Final = ("admission webhook ", "ValidatingAdmissionPolicy ")


def is_immutable(message: str) -> bool:
    """Whether a refusal (the API server's message, or one of our errors about it) says that a field cannot be changed.

    What admission webhooks and policies say is not counted: nobody knows what they mean by their words.
    """
    if any(other in message for other in _OTHERS):
        return False
    return IMMUTABLE in message or _WORDS.search(message) is not None


def named_fields(message: str) -> str:
    """What one of our errors about such a refusal says of the fields, and no more."""
    told, _ = without_hint(message)
    return told.rpartition(f"{IMMUTABLE}: ")[2]
