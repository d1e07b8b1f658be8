"""A commit's submodules: which repositories they are, and their snapshots for as long as they are built upon."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.jsonvalue import JsonObject, JsonValue, sequence
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.shelf import Way
from gitopsd.sources.urls import check_url
from gitopsd.sources.wire import Failure, FailureKind

if TYPE_CHECKING:
    from gitopsd.sources.repository import Repository

_REMEMBERED: Final = 64
# Services of clouds that hand out credentials, beside the link-local ones.
_METADATA: Final = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})


class Module(NamedTuple):
    """Where a submodule is mounted, the URL of its repository, and its commit."""

    path: str
    url: str
    commit: str


class Part(NamedTuple):
    """A submodule below another: where, in which mirror, and its commit."""

    path: str
    mirror: str
    commit: str


class Submodules:
    """Those of one repository's commits. `read` has a worker's request answered, `find` gives a submodule's repository
    (URL, and the one that names it) or refuses it.
    """

    def __init__(
        self,
        *,
        read: Callable[[Mapping[str, JsonValue], str], Awaitable[JsonObject]],
        find: Callable[[str, Repository], Awaitable[Repository]],
        limits: GitLimits,
    ) -> None:
        self._read = read
        self._find = find
        self._limits = limits
        self._known: dict[str, Sequence[Module]] = {}

    @asynccontextmanager
    async def lent(self, owner: Repository, commit: str, way: Way) -> AsyncIterator[list[JsonValue]]:
        """`[path, root, parts]` of each, as the worker wants them; the folders stay until the block ends."""
        await self.parts(owner, commit)
        async with AsyncExitStack() as stack:
            found: list[JsonValue] = []
            for module in await self.of(owner, commit):
                repository = await self._find(module.url, owner)
                root = await stack.enter_async_context(repository.lent(module.commit, way))
                parts: list[JsonValue] = [list(part) for part in await repository.parts(module.commit)]
                found.append([module.path, root, parts])
            yield found

    async def parts(self, owner: Repository, commit: str, level: int = 0) -> list[Part]:
        """All submodules of a commit and of each other; the limits hold before any of them becomes a folder."""
        if level > self._limits.submodule_depth:
            raise Failure(FailureKind.LIMIT, f"submodules are in each other, more than {level - 1} deep")
        found: list[Part] = []
        for module in await self.of(owner, commit):
            repository = await self._find(module.url, owner)
            inner = await repository.parts(module.commit, level + 1)
            found += [Part(f"{module.path}/{part.path}".rstrip("/"), part.mirror, part.commit) for part in inner]
            if len(found) > self._limits.submodules:
                raise Failure(FailureKind.LIMIT, f"the commit brings more than {self._limits.submodules} submodules")
        return found

    async def of(self, owner: Repository, commit: str) -> Sequence[Module]:
        """The submodules that a commit names itself."""
        if commit not in self._known:
            request: dict[str, JsonValue] = {"op": "modules", "commit": commit, "most": self._limits.submodules}
            answer = await self._read(request, commit)
            self._known[commit] = [
                Module(path, submodule_url(url, owner.url.url), pinned)
                for path, url, pinned in (
                    [str(part) for part in item]
                    for item in sequence(answer, "modules")
                    if isinstance(item, list) and len(item) == 3
                )
            ]
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return self._known[commit]

    def known(self, commit: str) -> Sequence[Module]:
        """What `of` said, if it was asked."""
        return self._known.get(commit, ())


def submodule_url(written: str, parent: str) -> str:
    """The URL that `.gitmodules` means: as it stands, or relative to the repository's own (git-submodule(1)).

    Raises `Failure` for what no repository's URL may be (G2, G4) and for a relative one that leaves the host (G6).
    """
    url = _joined(written, parent) if written.startswith(("./", "../")) else written
    try:
        parse(url)
    except BadUrlError as error:
        raise Failure(FailureKind.REFUSED, f"a submodule's URL is none: {error}") from None
    return url


def _joined(written: str, parent: str) -> str:
    base = parent.rstrip("/")
    here = parse(base).path.strip("/").split("/")
    start = base[: base.rindex("/".join(here))]
    rest = written
    while rest.startswith(("./", "../")):
        first, _, rest = rest.partition("/")
        if first == "..":
            if not here:
                raise Failure(FailureKind.REFUSED, "a submodule's relative URL leaves the host")
            here = here[:-1]
    if ".." in rest.split("/") or not rest.strip("/"):
        raise Failure(FailureKind.REFUSED, "a submodule's relative URL leaves the host")
    return start + "/".join([*here, rest])


async def check_reach(url: str, parent: str) -> None:
    """Refuse a URL from a repository's content that the configuration does not name, if it leads where only we can go.

    Other folders of this machine; plain http to another host than the parent's; loopback and link-local addresses
    (E9). Raises `SourceError`.
    """
    checked, mine = parse(check_url(url).url), parse(parent)
    same = (checked.scheme, checked.host.lower(), checked.port) == (mine.scheme, mine.host.lower(), mine.port)
    if checked.scheme == "file":
        raise _beyond(url, "a folder of this machine")
    if same:
        return
    if checked.scheme == "http":
        raise _beyond(url, "plain http on another host")
    try:
        found = await anyio.getaddrinfo(checked.host, checked.port or None)
    except OSError:
        return  # the fetch says that nobody knows the host
    for address in {str(item[4][0]).partition("%")[0] for item in found}:
        ip = ipaddress.ip_address(address)
        if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip in _METADATA:
            raise _beyond(url, "an address that only this machine reaches")


def _beyond(url: str, why: str) -> SourceError:
    return SourceError(
        "a submodule's URL is refused",
        where=shown_url(url),
        why=f"it is {why}, and comes from a repository's content",
        hint="name the URL under `repositories` to allow it, or write one relative to the repository's own",
    )
