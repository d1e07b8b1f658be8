"""The worker's loop: one request frame in, one answer frame out, until the daemon closes the pipe.

Requests are `{"op": …}` with what the operation's function below reads; answers are what it returns, or a failure.
The worker keeps no credential between two requests.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, text
from gitopsd.sources.wire import HEADER, MAX_FRAME, Failure, FailureKind, encode, failed
from gitopsd.sources.worker import (
    description,
    difference,
    fingerprint,
    linking,
    lookup,
    mirror,
    modules,
    remote,
    snapshot,
    tame,
)

Operation = Callable[[JsonObject], Mapping[str, JsonValue]]


def _app_token(request: JsonObject) -> Mapping[str, JsonValue]:
    from gitopsd.sources.worker import githubapp  # noqa: PLC0415 - cryptography is for those who use it

    return githubapp.app_token(request)


def _verify(request: JsonObject) -> Mapping[str, JsonValue]:
    from gitopsd.sources.worker import signed  # noqa: PLC0415 - cryptography is for those who use it

    return signed.verify(request)


def _objects(request: JsonObject) -> Mapping[str, JsonValue]:
    from gitopsd.sources.worker.lfs import objects  # noqa: PLC0415 - http.client is for those who use it

    return objects(request)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "app-token": _app_token,
    "refs": lookup.refs,
    "fetch": remote.fetch,
    "tidy": mirror.tidy,
    "commit": mirror.commit,
    "fingerprints": fingerprint.fingerprints,
    "changes": difference.changes,
    "describe": description.describe,
    "snapshot": snapshot.snapshot,
    "clone": linking.clone,
    "modules": modules.modules,
    "verify": _verify,
    "objects": _objects,
}


def main() -> None:
    """Serve standard input and output; never returns a traceback to anyone."""
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints cannot break the frames
    hello = _read(requests)
    if hello is None:
        return
    _limit(hello)
    _write(answers, tame.greeting())
    while (request := _read(requests)) is not None:
        # The daemon kills at the deadline; this kills when there is no daemon any more.
        signal.setitimer(signal.ITIMER_REAL, integer(request, "seconds", default=600) + 5)
        answer = _answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(answers, answer)


def _answer(request: JsonObject) -> Mapping[str, JsonValue]:
    operation = OPERATIONS.get(text(request, "op"))
    if operation is None:
        return failed(Failure(FailureKind.INTERNAL, "the worker does not know this request"))
    try:
        return operation(request)
    except Failure as failure:
        return failed(failure)
    except Exception as error:  # noqa: BLE001 - the border: whatever a library throws becomes a masked sentence
        return failed(tame.failure_of(error, request))


def _limit(hello: JsonObject) -> None:
    """Bound memory, file size and core dumps (a core would hold credentials)."""
    for name, limit in (
        (resource.RLIMIT_AS, integer(hello, "memory_bytes")),
        (resource.RLIMIT_FSIZE, integer(hello, "file_bytes")),
    ):
        if limit:
            hard = resource.getrlimit(name)[1]
            value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(name, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o022)


def _read(stream: BinaryIO) -> JsonObject | None:
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    (size,) = HEADER.unpack(head)
    body = stream.read(size) if size <= MAX_FRAME else b""
    if len(body) < size:
        return None
    message = json.loads(body)
    return message if isinstance(message, dict) else None


def _write(stream: BinaryIO, message: Mapping[str, JsonValue]) -> None:
    stream.write(encode(message))
    stream.flush()


if __name__ == "__main__":
    main()
