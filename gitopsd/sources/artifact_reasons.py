"""What a failed fetch means to the person who has to do something about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gitopsd.core.errors import SourceError
from gitopsd.sources.wire import Failure, FailureKind


class _Reason(NamedTuple):
    what: str
    hint: str
    retryable: bool


_REASONS: Final[Mapping[FailureKind, _Reason]] = {
    FailureKind.AUTH: _Reason(
        "authentication failed", "check username, password or token under `repositories`", retryable=False
    ),
    FailureKind.FORBIDDEN: _Reason(
        "access denied", "give the account or token read access to this repository", retryable=False
    ),
    FailureKind.NOT_FOUND: _Reason(
        "not found",
        "check URL, chart and version; what is private also looks like this without credentials",
        retryable=False,
    ),
    FailureKind.UNREACHABLE: _Reason(
        "the server cannot be reached", "check the URL's host and the network; it is tried again", retryable=True
    ),
    FailureKind.BUSY: _Reason(
        "the server has no time or is broken", "nothing to do if it recovers; it is tried again", retryable=True
    ),
    FailureKind.TLS: _Reason(
        "the server's TLS certificate was refused",
        "set `ca` under `repositories` to the CA that signed it, and use the host name that it is for; a registry "
        "without TLS needs `insecureOCIForceHttp`",
        retryable=False,
    ),
    FailureKind.REDIRECT: _Reason(
        "a redirect was refused", "configure the URL that the server redirects to, if you trust it", retryable=False
    ),
    FailureKind.PROTOCOL: _Reason(
        "the server gave an answer that cannot be used", "check the URL, and what was published there", retryable=True
    ),
    FailureKind.REFUSED: _Reason(
        "what the server gave, or where it leads, is refused", "look at what was published there", retryable=False
    ),
    FailureKind.LIMIT: _Reason("this is larger than the limits allow", "publish less, or split it", retryable=False),
    FailureKind.DISK: _Reason(
        "the cache folder cannot be written", "make room, or give gitopsd the right to write there", retryable=True
    ),
    FailureKind.MISSING: _Reason(
        "there is no such version", "name a version or tag that exists, or a range of versions", retryable=False
    ),
    FailureKind.GONE: _Reason(
        "this revision was published anew with other content, or removed",
        "refresh the application, or publish it as a version of its own",
        retryable=False,
    ),
    FailureKind.DEADLINE: _Reason(
        "the fetch took too long and was stopped", "check the server; it is tried again", retryable=True
    ),
    FailureKind.DIED: _Reason(
        "the fetch process ended unexpectedly", "look for an OOM kill; it is tried again", retryable=True
    ),
    FailureKind.NO_ENGINE: _Reason(
        "gitopsd runs without its engine", "run `make setup`, or set render.engine", retryable=False
    ),
}
_UNFORESEEN: Final = _Reason(
    "the fetch failed in a way that nobody foresaw", "report it with this message; it is tried again", retryable=True
)


def artifact_error(failure: Failure, where: str) -> SourceError:
    """The error for a failure; `where` is the origin as it may be shown."""
    reason = _REASONS.get(failure.kind, _UNFORESEEN)
    return SourceError(reason.what, where=where, why=failure.why, hint=reason.hint, retryable=reason.retryable)
