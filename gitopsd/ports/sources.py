"""Git repositories as the control and render rooms see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gitopsd.core.manifest import Read
from gitopsd.core.secret import Secret


@dataclass(frozen=True, slots=True)
class RepositoryAccess:
    """How to reach one repository: what the configuration says under `repositories`.

    `url` is normalised (a local path is `file:///…`). `username`/`password` for http(s), `bearer_token` instead of
    them; `ssh_private_key` is the key's text, `ssh_known_hosts` lines in OpenSSH's format. `ca` is a PEM bundle that
    replaces the system's. `insecure` skips TLS verification, `insecure_ignore_host_key` the host key check; both are
    shown as warnings.
    """

    url: str
    username: str = ""
    password: Secret | None = None
    bearer_token: Secret | None = None
    ssh_private_key: Secret | None = None
    ssh_known_hosts: str = ""
    ca: str = ""
    insecure: bool = False
    insecure_ignore_host_key: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of one repository as an immutable folder; nothing in it is a link that leaves it."""

    root: str
    repo_url: str
    commit: str


@dataclass(frozen=True, slots=True)
class Refs:
    """What a repository's server advertises: full ref name (`refs/heads/main`, `HEAD`) → commit id, tags peeled."""

    commits: Mapping[str, str]

    def same(self, other: Refs | None) -> bool:
        """Whether nothing moved since `other`."""
        return other is not None and self.commits == other.commits


class Sources(Protocol):
    """Access to git, to Helm repositories, OCI registries and files of the web.

    `repo_url` is an origin (`core.origin`), a `commit` is an immutable revision of it: a commit id, a digest, a chart's
    version with its digest.

    All methods raise `SourceError`, with a hint; its texts hold no credential.
    """

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        """The repository's refs: one look-up on the network if `fresh` or none was made yet, else what the last look-up
        said.
        """
        ...

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        """The commit (40 hex digits) that a branch, tag, commit id (also a short one) or HEAD stands for.

        A range of versions stands for the newest tag in it, among those that begin with `tag_prefix`.

        Fetches only when the commit is not in the mirror yet (and to find a short id). Raises `SourceError` for
        anything that is not a branch, tag or commit (advisory G5: never a revision expression).
        """
        ...

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """For each read a text that stays equal between commits as long as that read would give the same.

        A file: its object id and mode; a folder: its entries' names and kinds; a missing path: "" while it is missing.
        """
        ...

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:
        """The paths at which two commits differ; None where paths alone cannot tell (links, too many, a commit gone).

        Files that were added, removed or changed; folders that came, went, or whose entries' names or kinds are others
        (the root is "."). A read of any other path gives the same at both commits. Asking again costs nothing.
        """
        ...

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        """The commit as a folder, made if it is not there yet."""
        ...

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Forget snapshots of commits that are not `wanted` (repository → commits) and mirrors of repositories that are
        not.
        """
        ...
