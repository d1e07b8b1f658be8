"""libgit2 with its doors shut, and its complaints in words that hold no secret."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable

import pygit2
import pygit2.enums

from gitopsd.core.errors import shown_url
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.sources.wire import Failure, FailureKind

_MIB = 1024 * 1024
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")
# git2/errors.h: which part of libgit2 complained.
_NO_MEMORY, _OS, _REFERENCE, _ZLIB, _REPOSITORY, _CONFIG, _ODB = 1, 2, 4, 5, 6, 7, 9
_OBJECT, _TREE, _INDEXER, _SSL, _SSH = 11, 14, 15, 16, 23
_OF_THE_MIRROR = frozenset({_OS, _REFERENCE, _ZLIB, _REPOSITORY, _CONFIG, _ODB, _OBJECT, _TREE, _INDEXER})
_OUT_OF_MEMORY = "the memory limit of a git worker was reached"
_TOO_LARGE = "a file grew beyond the size limit"
_CUT = "the server cut the connection"
# libgit2 gives many of its errors no code of their own; "" stands for its own words.
_SIGNS = (
    ("no space left", FailureKind.DISK, os.strerror(errno.ENOSPC)),
    ("quota exceeded", FailureKind.DISK, os.strerror(errno.EDQUOT)),
    ("read-only file system", FailureKind.DISK, os.strerror(errno.EROFS)),
    ("permission denied", FailureKind.DISK, os.strerror(errno.EACCES)),
    ("file too large", FailureKind.LIMIT, _TOO_LARGE),
    ("out of memory", FailureKind.LIMIT, _OUT_OF_MEMORY),
    ("cannot allocate", FailureKind.LIMIT, _OUT_OF_MEMORY),
    ("cannot redirect", FailureKind.REDIRECT, "the server redirected to another host"),
    ("unexpected redirect", FailureKind.REDIRECT, "the server redirected to another host"),
    ("authentication", FailureKind.AUTH, ""),
    ("private key", FailureKind.AUTH, "the ssh private key cannot be used; is it protected by a passphrase?"),
    ("certificate", FailureKind.TLS, ""),
    ("failed to resolve", FailureKind.UNREACHABLE, ""),
    ("failed to connect", FailureKind.UNREACHABLE, ""),
    ("timed out", FailureKind.UNREACHABLE, ""),
    ("data from socket", FailureKind.UNREACHABLE, _CUT),
    ("eof", FailureKind.UNREACHABLE, _CUT),
    ("unexpected disconnect", FailureKind.UNREACHABLE, _CUT),
    (
        "exchange encryption keys",
        FailureKind.HOST_KEY,
        "the server has no key of a kind that it is known by, or no cipher that is safe",
    ),
    ("target oid for the reference", FailureKind.PROTOCOL, "the server did not send the commits that it was asked for"),
)
# What programs behind an ssh server say in place of an answer: git's own, and those of forges.
_SAID_OVER_SSH = (
    ("not appear to be a git repository", FailureKind.NOT_FOUND),
    ("not found", FailureKind.NOT_FOUND),
    ("not be found", FailureKind.NOT_FOUND),
    ("not exist", FailureKind.NOT_FOUND),
    ("permission", FailureKind.FORBIDDEN),
    ("denied", FailureKind.FORBIDDEN),
    ("not allowed", FailureKind.FORBIDDEN),
    ("unauthorized", FailureKind.FORBIDDEN),
)
_SECRETS = ("password", "token", "ssh_key", "client_key", "proxy_password", "app_key")


def shut_doors() -> None:
    """Read no configuration outside the mirror (G4, G7), copy no template, map windows that fit in the memory limit."""
    for level in (
        pygit2.enums.ConfigLevel.SYSTEM,
        pygit2.enums.ConfigLevel.GLOBAL,
        pygit2.enums.ConfigLevel.XDG,
        pygit2.enums.ConfigLevel.PROGRAMDATA,
    ):
        pygit2.settings.search_path[level] = ""
    home = os.environ.get("HOME", "")
    pygit2.settings.homedir = home
    pygit2.settings.template_path = f"{home}/no-template"
    pygit2.settings.mwindow_size = 32 * _MIB
    pygit2.settings.mwindow_mapped_limit = 256 * _MIB
    pygit2.settings.cache_max_size(16 * _MIB)
    # The check protects programs that run what a repository's configuration names. libgit2 runs nothing of it, and
    # mounted repositories often belong to somebody else.
    pygit2.settings.owner_validation = False


shut_doors()


def greeting() -> JsonObject:
    """What the worker says first."""
    return {"ready": True, "libgit2": pygit2.LIBGIT2_VERSION}


def known_hosts_file() -> str:
    """Where libgit2 looks for host keys: `.ssh/known_hosts` of the worker's own, otherwise empty home."""
    return f"{os.environ.get('HOME', '')}/.ssh/known_hosts"


def scrub(words: str, secrets: Iterable[str] = ()) -> str:
    """`words` of a library: URLs masked, secrets blotted out, on one line of at most 300 characters (S8)."""
    for secret in secrets:
        if secret:
            words = words.replace(secret, "…")
    plain = _URL.sub(lambda found: shown_url(found[0]), words)
    return "".join(letter if letter.isprintable() else " " for letter in plain).strip()[:300]


def secrets_of(request: JsonObject) -> list[str]:
    """Every secret that a request carries, and each line of the longer ones."""
    whole = [text(request, "access", name) for name in _SECRETS]
    return [secret for secret in whole if len(secret) >= 4] + [
        line for secret in whole for line in secret.splitlines() if len(line) >= 8
    ]


def failure_of(error: BaseException, request: JsonObject) -> Failure:
    """What an exception of a library means. `request` says which secrets must not be in its words."""
    words = scrub(str(error), secrets_of(request))
    match error:
        case MemoryError():
            return Failure(FailureKind.LIMIT, _OUT_OF_MEMORY)
        case OSError(errno=number) if number is not None:
            return _failure_of_the_system(number)
        case KeyError():
            return Failure(FailureKind.MISSING, f"object {words} is not in the mirror")
        case pygit2.AuthError() | pygit2.CertificateError():
            kind = FailureKind.AUTH if isinstance(error, pygit2.AuthError) else FailureKind.TLS
            return Failure(kind, words)
        case pygit2.GitError() | OSError() | ValueError():
            return _failure_of_libgit2(getattr(error, "error_class", 0), words)
        case _:
            return Failure(FailureKind.INTERNAL, f"{type(error).__name__}: {words}")


def _failure_of_the_system(number: int) -> Failure:
    why = os.strerror(number)
    if number in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}:
        return Failure(FailureKind.DISK, why)
    if number == errno.EFBIG:
        return Failure(FailureKind.LIMIT, _TOO_LARGE)
    if number == errno.ENOMEM:
        return Failure(FailureKind.LIMIT, _OUT_OF_MEMORY)
    return Failure(FailureKind.INTERNAL, why)


def _failure_of_libgit2(error_class: int, words: str) -> Failure:
    lowered = words.lower()
    if error_class == _SSH:
        for sign, kind in _SAID_OVER_SSH:
            if sign in lowered:
                return Failure(kind, words)
    for sign, kind, why in _SIGNS:
        if sign in lowered:
            return Failure(kind, why or words)
    if error_class == _NO_MEMORY:
        return Failure(FailureKind.LIMIT, _OUT_OF_MEMORY)
    if error_class in _OF_THE_MIRROR:
        return Failure(FailureKind.MIRROR, words)
    return Failure(FailureKind.TLS if error_class == _SSL else FailureKind.PROTOCOL, words)
