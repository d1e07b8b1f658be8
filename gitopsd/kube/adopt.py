"""Whose an object's fields are: said before its first apply (others' become ours), or after it was replaced.

Only what `managedFields` says changes, and only if the object is still as it was looked at: somebody who writes in
between makes the API server refuse (409), and it is looked at again. An end between this and the apply does no harm:
the next comparison sees fields of ours that git does not have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import orjson

from gitopsd.core.adoption import migrated, replaced
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.manifest import DesiredObject
from gitopsd.kube.answer import Answer
from gitopsd.kube.body import parsed
from gitopsd.kube.refusal import Asked
from gitopsd.kube.retry import Attempts

JSON_PATCH: Final = "application/json-patch+json"

Send = Callable[[bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Known:
    """An object (JSON) as it was last seen; `fetch` reads it anew, b"" if it is gone. `asked`: what is done with it."""

    raw: bytes
    fetch: Callable[[], Awaitable[bytes]]
    asked: Asked


async def adopt(known: Known, desired: DesiredObject, send: Send, attempts: Attempts) -> Answer | None:
    """Take over what `desired.adopts` own of the object; `send` sends a JSON patch of it.

    Gives an answer that refuses for good; None where all is well, or there was nothing to take over.
    """
    return await _rewrite(known, lambda body: migrated(body, desired.adopts, desired.gvk.api_version), send, attempts)


async def settle(known: Known, desired: DesiredObject, send: Send, attempts: Attempts) -> Answer | None:
    """Make what we own of an object that we replaced what we applied of it; otherwise as `adopt`."""
    return await _rewrite(known, lambda body: replaced(body, desired.gvk.api_version), send, attempts)


async def _rewrite(
    known: Known, entries_for: Callable[[JsonObject], Sequence[JsonObject] | None], send: Send, attempts: Attempts
) -> Answer | None:
    live = known.raw
    while live:
        body = parsed(live, known.asked)
        entries = entries_for(body)
        if entries is None:
            return None
        answer = await send(_patch(body, entries))
        if answer.ok or answer.status == 404:
            return None
        delay = attempts.next_delay(answer.retry_after) if answer.status == 409 else None
        if delay is None:
            return answer
        await anyio.sleep(delay)
        live = await known.fetch()
    return None


def _patch(body: JsonObject, entries: Sequence[JsonObject]) -> bytes:
    return orjson.dumps(
        [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": text(body, "metadata", "resourceVersion")},
        ]
    )
