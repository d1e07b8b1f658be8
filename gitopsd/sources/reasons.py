"""What a failure of git means to the person who has to do something about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gitopsd.core.errors import SourceError
from gitopsd.sources.wire import Failure, FailureKind


class Reason(NamedTuple):
    """What happened, what to do next, and whether another try may help."""

    what: str
    hint: str
    retryable: bool


_REASONS: Final[Mapping[FailureKind, Reason]] = {
    FailureKind.AUTH: Reason(
        "authentication failed", "check username, password, token or key under `repositories`", retryable=False
    ),
    FailureKind.FORBIDDEN: Reason(
        "access denied", "give the account or token read access to this repository", retryable=False
    ),
    FailureKind.NOT_FOUND: Reason(
        "repository not found",
        "check the URL; a private repository also looks like this without credentials, set them under `repositories`",
        retryable=False,
    ),
    FailureKind.UNREACHABLE: Reason(
        "the git server cannot be reached", "check the URL's host and the network; it is tried again", retryable=True
    ),
    FailureKind.BUSY: Reason(
        "the git server has no time or is broken", "nothing to do if it recovers; it is tried again", retryable=True
    ),
    FailureKind.TLS: Reason(
        "the git server's TLS certificate was refused",
        "set `ca` under `repositories` to the CA that signed it, and use the host name that it is for",
        retryable=False,
    ),
    FailureKind.HOST_KEY: Reason(
        "the ssh host key was refused",
        "compare the fingerprint with the server's, then add the key to `sshKnownHosts` (ssh-keyscan prints it)",
        retryable=False,
    ),
    FailureKind.OTHER_HOST_KEY: Reason(
        "the ssh host key was refused: it is another than the known one",
        "somebody may stand between: ask who runs the server, and replace the key in `sshKnownHosts` only if they did",
        retryable=False,
    ),
    FailureKind.KNOWN_HOSTS: Reason(
        "the known hosts cannot be used", "correct `sshKnownHosts` (ssh-keyscan prints its lines)", retryable=False
    ),
    FailureKind.PROXY: Reason(
        "the proxy does not let git through",
        "check `proxy` and `noProxy` under `repositories`; it is tried again",
        retryable=True,
    ),
    FailureKind.REDIRECT: Reason(
        "redirected to another host", "configure the URL that the server redirects to, if you trust it", retryable=False
    ),
    FailureKind.PROTOCOL: Reason(
        "the git server gave an answer that cannot be used", "check that the URL is a git repository's", retryable=True
    ),
    FailureKind.REFUSED: Reason(
        "the repository holds something that is refused", "remove it from the repository", retryable=False
    ),
    FailureKind.LIMIT: Reason(
        "the repository is larger than the limits allow",
        "raise the limit that is named, or split the repository",
        retryable=False,
    ),
    FailureKind.DISK: Reason(
        "git's folder cannot be written",
        "make room, or give gitopsd the right to write in its state folder",
        retryable=True,
    ),
    FailureKind.MIRROR: Reason(
        "the local mirror is damaged and could not be made anew",
        "look whether the server's own repository is whole (git fsck)",
        retryable=True,
    ),
    FailureKind.MISSING: Reason(
        "the repository does not hold an object that it should", "check the repository with git fsck", retryable=True
    ),
    FailureKind.MISSING_LFS: Reason(
        "git LFS does not hold an object that it should",
        "push it from a clone that has it: git lfs push --all origin",
        retryable=True,
    ),
    FailureKind.NO_LFS: Reason(
        "git LFS cannot be asked",
        "use the repository's https URL and let the account read LFS objects, or leave `enableLfs` out",
        retryable=False,
    ),
    FailureKind.GONE: Reason(
        "the repository does not hold this commit any more",
        "name a branch or tag that exists, or push the commit again",
        retryable=False,
    ),
    FailureKind.NO_COMMIT: Reason(
        "this id is not a commit's", "name a branch, a tag or a commit's full id", retryable=False
    ),
    FailureKind.DEADLINE: Reason(
        "git took too long and was stopped",
        "check the server, or raise the deadline; it is tried again",
        retryable=True,
    ),
    FailureKind.DIED: Reason(
        "the git worker ended unexpectedly",
        "it is started anew for the next request; look for an OOM kill",
        retryable=True,
    ),
    FailureKind.SIGNATURE: Reason(
        "the signature is refused",
        "sign the commit with a key of `verify.keys`, or list the key there if it is to be trusted",
        retryable=False,
    ),
    FailureKind.INTERNAL: Reason(
        "git failed in a way that nobody foresaw", "report it with this message; it is tried again", retryable=True
    ),
}


# What the kernel says in the daemon, in the worker (`os.strerror`) and in the engine (Go writes it small); in other
# kinds of failures it may be a server that says it of itself.
_FILES_ARE_SHORT: Final = "too many open files"
_OF_THIS_MACHINE: Final = frozenset({FailureKind.DIED, FailureKind.DISK, FailureKind.UNREACHABLE, FailureKind.INTERNAL})
_MORE_FILES: Final = "allow more: LimitNOFILE= in the unit, `ulimit -n` in a shell; it is tried again"


def source_error(failure: Failure, where: str) -> SourceError:
    """The error for a failure; `where` is the repository's URL as it may be shown."""
    return worded(failure, _REASONS.get(failure.kind) or _REASONS[FailureKind.INTERNAL], where)


def worded(failure: Failure, reason: Reason, where: str) -> SourceError:
    """The error for a failure, in the words of `reason`; where open files were short, with the hint for that."""
    short = failure.kind in _OF_THIS_MACHINE and _FILES_ARE_SHORT in failure.why.lower()
    hint = _MORE_FILES if short else reason.hint
    return SourceError(reason.what, where=where, why=failure.why, hint=hint, retryable=reason.retryable)
