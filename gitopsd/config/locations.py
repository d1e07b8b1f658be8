"""Which repositories may be named where (advisory rows G3, G4, X2): schemes, and local paths only by an
administrator's hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from gitopsd.core.origin import OCI
from gitopsd.core.repo_url import normalise, parse, problem

EXPECTED = "expected https://…, ssh://…, git@host:path, or a local path that starts with ./ or ../"


class LocationError(ValueError):
    """A repository's address cannot be used; its text holds no credentials."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Locations:
    """The rule for addresses. `local_roots` are absolute folders; `declared` the keys (`normalise`) of the URLs
    under `repositories`."""

    local_roots: tuple[str, ...] = ()
    declared: frozenset[str] = frozenset()

    def resolve(self, address: str, folder: str, *, administrator: bool) -> str:
        """The repository's URL: a local one as `file:///…`, any other as written. Raises `LocationError`.

        Relative paths start from `folder`. `administrator`: the address stands in the main file, whose
        relative paths are allowed wherever they lead; all other local paths must lie below `local_roots` or be
        `declared`.
        """
        path = _local_path(address, folder)
        if path is None:
            return _remote(address)
        url = _checked(f"file://{quote(path)}")
        if administrator and is_relative(address):
            return url
        if normalise(url) in self.declared or any(_inside(path, root) for root in self.local_roots):
            return url
        raise LocationError(
            "a local repository must lie below git.localRoots or be listed under repositories",
            "in the main file, the folder in git.localRoots or the repository in repositories",
        )


def declared_location(address: str, folder: str) -> str:
    """The URL of an entry of `repositories`, which may be any local path. Raises `LocationError`."""
    path = _local_path(address, folder)
    return _remote(address) if path is None else _checked(f"file://{quote(path)}")


def is_relative(address: str) -> bool:
    """Whether an address is a path that starts from the file it stands in."""
    return address in {".", ".."} or address.startswith(("./", "../"))


def _local_path(address: str, folder: str) -> str | None:
    """The absolute path that a local address means; None for any other address."""
    if is_relative(address):
        return _plain(os.path.join(os.path.abspath(folder), address))
    if address.startswith("/"):
        return _plain(address)
    if address[:5].lower() == "file:":
        return _plain(unquote(urlsplit(_checked(address)).path))
    return None


def _plain(path: str) -> str:
    if not path.isprintable() or path.startswith("//"):
        raise LocationError("expected a path without control characters")
    return os.path.normpath(path)


def _remote(address: str) -> str:
    if address.startswith(OCI):
        _checked(f"https://{address.removeprefix(OCI)}")  # an OCI reference follows the same grammar
        return address.rstrip("/")
    url = _checked(address)
    if parse(url).password:
        raise LocationError("a password must not stand in a URL", "username and password of an entry in repositories")
    return url


def _checked(url: str) -> str:
    # `host:path` without a user is git's too, but reads like `javascript:…`.
    reason = problem(url) or ("" if "://" in url or "@" in url else EXPECTED)
    if reason:
        raise LocationError(reason if "://" in url else EXPECTED)
    return url


def _inside(path: str, root: str) -> bool:
    """Whether `path` lies in `root`, links followed in both."""
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    return real != real_root and os.path.commonpath([real, real_root]) == real_root
