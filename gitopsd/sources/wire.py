"""What daemon and worker say to each other: frames of JSON on pipes, and failures in the form in which they cross.

A frame is its length (4 bytes, big-endian) and a JSON object. Standard library only: the worker imports it.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Mapping

from gitopsd.core.jsonvalue import JsonObject, JsonValue, text

HEADER = struct.Struct(">I")
MAX_FRAME = 512 * 1024 * 1024


class FailureKind(enum.StrEnum):
    """What went wrong, as far as it decides what happens next."""

    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    TLS = "tls"
    HOST_KEY = "host-key"
    OTHER_HOST_KEY = "other-host-key"
    KNOWN_HOSTS = "known-hosts"
    PROXY = "proxy"
    REDIRECT = "redirect"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    LIMIT = "limit"
    DISK = "disk"
    MIRROR = "mirror"
    MISSING = "missing"
    MISSING_LFS = "missing-lfs"
    NO_LFS = "no-lfs"
    GONE = "gone"
    NO_COMMIT = "no-commit"
    DEADLINE = "deadline"
    DIED = "died"
    NO_ENGINE = "no-engine"
    SIGNATURE = "signature"
    INTERNAL = "internal"


class Failure(Exception):  # noqa: N818 - a value that crosses the pipe; the daemon's side turns it into a SourceError
    """A request that could not be answered. `why` is fit for people: it holds no credential and no unmasked URL."""

    def __init__(self, kind: FailureKind, why: str) -> None:
        super().__init__(kind, why)
        self.kind = kind
        self.why = why


def encode(message: Mapping[str, JsonValue]) -> bytes:
    """One frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def failed(failure: Failure) -> JsonObject:
    """The answer that tells of a failure."""
    return {"failure": failure.kind.value, "why": failure.why}


def failure_in(answer: JsonObject) -> Failure | None:
    """The failure that an answer tells of, if it does."""
    kind = text(answer, "failure")
    if not kind:
        return None
    try:
        return Failure(FailureKind(kind), text(answer, "why"))
    except ValueError:
        return Failure(FailureKind.INTERNAL, "the worker gave an answer that nobody knows")
