"""The grammar of repository URLs and of revision names: what may reach git, and when two URLs mean one repository.

Strict on purpose (advisories G2, G4, G5, G8): other tools let a quote, a newline or a leading `-` through, and it
became a shell command, an option or somebody else's password.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

SCHEMES = ("https", "http", "ssh", "file")

_MAX_URL = 2048
_MAX_REVISION = 1024
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
# Quotes, `;`, `$`, backtick and backslash mean something to a shell; `<`, `>`, `|` besides.
_FORBIDDEN = frozenset("\"'`;$\\<>|")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[A-Za-z0-9._~+%!@=-]*")
_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._+-]+)@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<path>[^:].*)")
# https://git-scm.com/docs/git-check-ref-format
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")


@dataclass(frozen=True, slots=True)
class RepoUrl:
    """A repository URL in parts. `path` is as written (percent escapes kept); `port` is 0 where the URL names none."""

    scheme: str
    user: str
    password: str
    host: str
    port: int
    path: str
    scp: bool = False

    @property
    def key(self) -> str:
        """Equal for two spellings of the same repository; for comparing, never for connecting."""
        port = f":{self.port}" if self.port and self.port != _DEFAULT_PORTS.get(self.scheme) else ""
        path = "/" + self.path.strip("/").removesuffix(".git").rstrip("/")
        return f"{self.scheme}://{self.host.lower()}{port}{path}"


class BadUrlError(ValueError):
    """A text that is no repository URL; says why in words that quote nothing of it."""


def parse(url: str) -> RepoUrl:
    """Split `url` (https, http, ssh, file or `user@host:path`); raises `BadUrlError` for everything else."""
    _check_characters(url)
    if "://" not in url:
        return _parse_scp(url)
    try:
        parts = urlsplit(url)
        port = parts.port or 0
    except ValueError:
        raise BadUrlError("the URL's host or port cannot be read") from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise BadUrlError("the URL's scheme is none of https, http, ssh and file")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise BadUrlError("a repository's URL has no query and no fragment")
    _check_path(parts.path)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if scheme == "file":
        _check_file(parts, user)
        return RepoUrl(scheme, "", "", "", 0, parts.path)
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise BadUrlError("the URL's host is missing or holds characters that no host name has")
    if not _USER.fullmatch(parts.username or "") or user.startswith("-"):
        raise BadUrlError("the URL's user name holds characters that are not allowed there")
    return RepoUrl(scheme, user, password, host, port, parts.path)


def problem(url: str) -> str:
    """Why `url` cannot be a repository's URL; "" if it can. The text quotes nothing of the URL."""
    try:
        parse(url)
    except BadUrlError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=1024)
def normalise(url: str) -> str:
    """`url` as a key for comparing: scheme and host in lower case, no user, no default port, no trailing `/` or `.git`.

    A text that is no repository URL is its own key.
    """
    try:
        return parse(url).key
    except BadUrlError:
        return url


def valid_ref(name: str) -> bool:
    """Whether `name` is a full ref name (`refs/…` or `HEAD`) by git's grammar."""
    return name == "HEAD" or (name.startswith("refs/") and name.count("/") > 1 and valid_revision(name))


def valid_revision(text: str) -> bool:
    """Whether `text` can name a branch, tag or commit (git-check-ref-format(1)); revision expressions cannot (G5)."""
    return (
        0 < len(text) <= _MAX_REVISION
        and not text.startswith(("-", "/", "."))
        and not text.endswith(("/", "."))
        and text != "@"
        and _BAD_IN_REF.search(text) is None
    )


def _check_characters(url: str) -> None:
    if not url:
        raise BadUrlError("the URL is empty")
    if len(url) > _MAX_URL:
        raise BadUrlError(f"the URL is longer than {_MAX_URL} characters")
    if url.startswith("-"):
        raise BadUrlError("a URL does not start with '-'")
    if not url.isascii():
        raise BadUrlError("the URL holds characters outside ASCII; escape them with %")
    if any(letter <= " " or letter == "\x7f" for letter in url):
        raise BadUrlError("the URL holds a space or a control character")
    # Escaped characters come back to life behind us: libgit2 unescapes paths before they reach a remote shell.
    plain = unquote(url)
    if any(letter in _FORBIDDEN or letter < " " or letter == "\x7f" for letter in plain):
        raise BadUrlError("the URL holds a quote, a control character, or one of ; $ ` \\ < > |")


def _check_path(path: str) -> None:
    if not path.strip("/"):
        raise BadUrlError("the URL has no path")
    if ".." in unquote(path).split("/"):
        raise BadUrlError("the URL's path holds '..'")


def _check_file(parts: SplitResult, user: str) -> None:
    if user or parts.netloc not in {"", "localhost"}:
        raise BadUrlError("a file URL has no host: file:///path")


def _parse_scp(url: str) -> RepoUrl:
    found = _SCP.fullmatch(url)
    if found is None:
        raise BadUrlError("this is neither scheme://host/path nor user@host:path; a local folder is file:///path")
    user, host, path = found["user"] or "", found["host"].strip("[]"), found["path"]
    if host.startswith("-") or path.startswith("-") or user.startswith("-"):
        raise BadUrlError("neither user, host nor path of a URL starts with '-'")
    if "?" in path or "#" in path:
        raise BadUrlError("a repository's URL has no query and no fragment")
    _check_path(path)
    return RepoUrl("ssh", user, "", host, 0, path, scp=True)
