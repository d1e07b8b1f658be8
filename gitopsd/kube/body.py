"""What an API server's answer holds, or the error that it holds nothing of the kind.

Only what may be missing without harm is parsed elsewhere: a server's version (`link`), the Status of a refusal
(`refusal`). `objects` parses once more what was looked at here.
"""

from __future__ import annotations

from typing import Final

import orjson

from gitopsd.core.errors import ClusterError
from gitopsd.core.jsonvalue import JsonObject, text
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


def parsed_object(raw: bytes, asked: Asked) -> JsonObject:
    """An answer of 2xx that is an object of the API, or a subresource of one: all have a name. Raises `ClusterError`
    for anything else: a proxy's own page may be a JSON object too.
    """
    if not raw.strip():
        raise nonsense(asked, "it is empty")
    body = parsed(raw, asked)
    if not text(body, "metadata", "name"):
        raise nonsense(asked, "what came is no object of the API: it has no metadata.name")
    return body


def parsed_list(raw: bytes, asked: Asked, *, watchable: bool = True) -> JsonObject:
    """An answer of 2xx that is a list, or a page of one. Raises `ClusterError` for anything else: what is no list must
    not count as an empty one.

    `items` may be null: so some extension servers write an empty list. Those of kinds that cannot be watched need give
    no `metadata.resourceVersion` (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
    """
    body = parsed(raw, asked)
    if "items" not in body or not isinstance(body["items"], list | None):
        raise nonsense(asked, "what came is no list: it has no items")
    if watchable and not text(body, "metadata", "resourceVersion"):
        raise nonsense(asked, "what came is no list that can be watched: it has no metadata.resourceVersion")
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
