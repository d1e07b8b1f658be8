"""Where a URL points, in parts that can be compared: whether one lies below another, by whole path segments.

`https://h/team` covers `https://h/team/app.git` and never `https://h/teamster/app.git` (advisory S15: a credential goes
where it was configured for, and nowhere else).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from gitopsd.core.repo_url import BadUrlError, parse

OCI_SCHEME: Final = "oci://"
_ANY: Final = "x"
# Asked for each source of each pass; taking a URL apart costs more than everything that is done with it.
_REMEMBERED: Final = 32_768


class Place(NamedTuple):
    """`server` is scheme, host in lower case, and port unless it is the scheme's own; `path` its segments."""

    server: str
    path: tuple[str, ...]

    def covers(self, other: Place) -> bool:
        """Whether `other` is this place or lies below it."""
        return self.server == other.server and self.path == other.path[: len(self.path)]


@lru_cache(maxsize=_REMEMBERED)
def place_of(url: str) -> Place:
    """The place of a repository, registry (`oci://…`), or of a prefix of such, which may have no path.

    No user, no `.git` at the end, no empty segments. Raises `BadUrlError`.
    """
    is_registry = url.startswith(OCI_SCHEME)
    bare = url.rstrip("/").removesuffix(".git")
    if bare.endswith(":") and "://" in url:
        raise BadUrlError("the URL's host is missing")
    if is_registry:
        bare = f"https://{bare.removeprefix(OCI_SCHEME)}"
    # A prefix may be a bare host, which the grammar of repositories does not have: a segment stands in for its path.
    parts = parse(f"{bare}{_ANY}" if bare.endswith(":") else f"{bare}/{_ANY}")
    if is_registry and (parts.user or parts.password):
        raise BadUrlError("a registry's URL has no user and no password")
    server = parts.key.removesuffix("/" + "/".join(parts.path.strip("/").split("/")))
    if is_registry:
        server = OCI_SCHEME + server.removeprefix("https://")
    return Place(server, tuple(segment for segment in parts.path.split("/") if segment)[:-1])


def split_user(url: str) -> tuple[str, str, str]:
    """A web URL without its user info, and the user and password that stood there, decoded; "" where there is none."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    pair, found, host = place.rpartition("@")
    if not mark or not found:
        return url, "", ""
    user, _, password = pair.partition(":")
    return f"{scheme}{mark}{host}{slash}{path}", unquote(user), unquote(password)


def registry_url(url: str, *, kind: str, enable_oci: bool) -> str:
    """A registry's URL with its scheme, for an entry of the type `kind`; "" where the entry's URL is no registry's.

    Registries may be written without a scheme, as Argo CD's users do. Raises `BadUrlError`.
    """
    is_web = url.startswith(("https://", "http://"))
    if kind == "git" or (kind == "helm" and is_web and not enable_oci):
        return ""
    if "://" in url and not url.startswith(OCI_SCHEME):
        raise BadUrlError("a registry's URL is HOST/PATH or oci://HOST/PATH")
    found = OCI_SCHEME + url.removeprefix(OCI_SCHEME).rstrip("/")
    place_of(found)
    return found
