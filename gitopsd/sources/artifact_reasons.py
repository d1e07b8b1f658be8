"""What a failed fetch means to the person who has to do something about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitopsd.core.errors import SourceError
from gitopsd.sources.reasons import Reason, worded
from gitopsd.sources.wire import Failure, FailureKind

_REASONS: Final[Mapping[FailureKind, Reason]] = {
    FailureKind.AUTH: Reason(
        "authentication failed", "check username, password or token under `repositories`", retryable=False
    ),
    FailureKind.FORBIDDEN: Reason(
        "access denied", "give the account or token read access to this repository", retryable=False
    ),
    FailureKind.NOT_FOUND: Reason(
        "not found",
        "check URL, chart and version; what is private also looks like this without credentials",
        retryable=False,
    ),
    FailureKind.UNREACHABLE: Reason(
        "the server cannot be reached", "check the URL's host and the network; it is tried again", retryable=True
    ),
    FailureKind.BUSY: Reason(
        "the server has no time or is broken", "nothing to do if it recovers; it is tried again", retryable=True
    ),
    FailureKind.TLS: Reason(
        "the server's TLS certificate was refused",
        "set `ca` under `repositories` to the CA that signed it, and use the host name that it is for; a registry "
        "without TLS needs `insecureOCIForceHttp`",
        retryable=False,
    ),
    FailureKind.REDIRECT: Reason(
        "a redirect was refused", "configure the URL that the server redirects to, if you trust it", retryable=False
    ),
    FailureKind.PROTOCOL: Reason(
        "the server gave an answer that cannot be used", "check the URL, and what was published there", retryable=True
    ),
    FailureKind.REFUSED: Reason(
        "what the server gave, or where it leads, is refused", "look at what was published there", retryable=False
    ),
    FailureKind.LIMIT: Reason("this is larger than the limits allow", "publish less, or split it", retryable=False),
    FailureKind.DISK: Reason(
        "the cache folder cannot be written", "make room, or give gitopsd the right to write there", retryable=True
    ),
    FailureKind.MISSING: Reason(
        "there is no such version", "name a version or tag that exists, or a range of versions", retryable=False
    ),
    FailureKind.GONE: Reason(
        "this revision was published anew with other content, or removed",
        "refresh the application, or publish it as a version of its own",
        retryable=False,
    ),
    FailureKind.DEADLINE: Reason(
        "the fetch took too long and was stopped", "check the server; it is tried again", retryable=True
    ),
    FailureKind.DIED: Reason(
        "the fetch process ended unexpectedly", "look for an OOM kill; it is tried again", retryable=True
    ),
    FailureKind.NO_ENGINE: Reason(
        "gitopsd runs without its engine", "run `make setup`, or set render.engine", retryable=False
    ),
}
_UNFORESEEN: Final = Reason(
    "the fetch failed in a way that nobody foresaw", "report it with this message; it is tried again", retryable=True
)


def artifact_error(failure: Failure, where: str) -> SourceError:
    """The error for a failure; `where` is the origin as it may be shown."""
    return worded(failure, _REASONS.get(failure.kind, _UNFORESEEN), where)
