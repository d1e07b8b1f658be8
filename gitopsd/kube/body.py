"""The JSON object that an API server's answer holds: the one place where what a server sent is parsed."""

from __future__ import annotations

from typing import Final

import orjson

from gitopsd.core.errors import ClusterError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.kube.refusal import Asked

_NONSENSE: Final = "Nonsense"


def parsed(raw: bytes, asked: Asked) -> JsonObject:
    """The body of an answer of 2xx, or a line of a watch. Raises `ClusterError` for anything but a JSON object: a proxy
    in between may put a page of its own in the place of an answer, and says 200.
    """
    try:
        body = orjson.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise nonsense(asked, "what came is no JSON object")
    return body


def nonsense(asked: Asked, why: str) -> ClusterError:
    """The error for an answer that says nothing of what was asked."""
    return ClusterError(
        "the API server's answer cannot be understood",
        where=f"cluster {asked.cluster}, {asked.subject}",
        why=why,
        hint="look for a proxy between gitopsd and the API server, and check the cluster's server URL",
        retryable=True,
        reason=_NONSENSE,
    )


def is_nonsense(error: ClusterError) -> bool:
    """Whether an error is one of `nonsense`."""
    return error.reason == _NONSENSE
