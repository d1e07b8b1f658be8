"""Git repositories as the control and render rooms see them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gitopsd.core.history import RevisionInfo
from gitopsd.core.manifest import Read
from gitopsd.core.origin import OriginKind
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """A GitHub App that stands for a person: installation tokens, which live an hour, are its passwords.

    `installation_id` is "" where it has to be found by the repository's owner. `base_url` is the API's
    (`https://api.github.com`, or `https://HOST/api/v3` of an enterprise server), without a slash at its end.
    """

    app_id: str
    private_key: Secret
    installation_id: str = ""
    base_url: str = "https://api.github.com"


class VerifyMode(enum.StrEnum):
    """Which commits have to be signed: none, the one that is deployed, or all its ancestors back to a seal too."""

    NONE = "none"
    HEAD = "head"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Verification:
    """The signatures that a repository's commits need. `keys` are public ones: OpenPGP's in armour, or SSH's lines."""

    mode: VerifyMode
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepositoryAccess:
    """How to reach one repository, or all whose URL begins with `url` (a credential template).

    What the configuration says under `repositories` and `repositoryCredentials`, or a Secret of Argo CD's.
    `url` is normalised: a local path is `file:///…`, a registry `oci://HOST/PATH`. `username`/`password` for http(s)
    and registries, `bearer_token` instead of them; `ssh_private_key` is the key's text, `ssh_known_hosts` lines in
    OpenSSH's format; `tls_client_cert` and `tls_client_key` (PEM) are shown to the server. `ca` is a PEM bundle that
    replaces the system's. `insecure` skips TLS verification, `insecure_ignore_host_key` the host key check; both are
    shown as warnings. `project`: only its applications may use the repository ("": all). `no_proxy` are entries as
    `core.proxy` has them. `depth` 0 is the whole history. `force_basic_auth` sends the password before the server asks.
    `pass_credentials` gives them to hosts that an index refers to as well. `written_at` is where it stands.
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
    kind: OriginKind = OriginKind.GIT
    name: str = ""
    project: str = ""
    tls_client_cert: str = ""
    tls_client_key: Secret | None = None
    github_app: GitHubApp | None = None
    proxy: Proxy | None = None
    no_proxy: tuple[str, ...] = ()
    depth: int = 0
    enable_lfs: bool = False
    submodules: bool = False
    verify: Verification | None = None
    force_basic_auth: bool = False
    pass_credentials: bool = False
    insecure_oci_force_http: bool = False
    written_at: str = field(default="", compare=False)

    @property
    def has_credentials(self) -> bool:
        """Whether it says who we are (a CA or a proxy does not)."""
        return bool(
            self.username
            or self.password
            or self.bearer_token
            or self.ssh_private_key
            or self.tls_client_cert
            or self.github_app
        )


class ConnectionStatus(enum.StrEnum):
    """How the last request to a repository went, in Argo CD's words."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The last request to a repository: its outcome, why it failed, and when it ended (None: none was made yet)."""

    status: ConnectionStatus = ConnectionStatus.UNKNOWN
    message: str = ""
    attempted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RepositoryStatus:
    """A repository that is configured or in use, as it may be shown.

    `repo` is its masked URL; `credentials` names their kind ("" for none), `inherited_from` the template that they come
    from; `written_at` is where it is configured ("" where it is only used).
    """

    repo: str
    kind: OriginKind
    name: str = ""
    project: str = ""
    credentials: str = ""
    inherited_from: str = ""
    written_at: str = ""
    connection: ConnectionState = ConnectionState()


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

    def form(self, repo_url: str) -> str:
        """How commits become folders now, as a short text: one commit gives the same folder as long as it is equal.

        It changes with settings of the repository such as `submodules` and `enableLfs`; "" is the plain form.
        """
        ...

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """Who made each commit, when, and why, as far as that is known here; asks no server.

        Never raises `SourceError`: what is not known is empty. Texts are cut and hold no control characters
        (`core.revision_text`).
        """
        ...

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Forget snapshots of commits that are not `wanted` (repository → commits) and mirrors of repositories that are
        not.
        """
        ...
