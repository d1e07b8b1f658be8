"""Git repositories in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.core.revision_text import revision_info
from gitopsd.core.version_range import newest, parse_range
from gitopsd.ports.sources import Refs, Snapshot, Sources
from gitopsd.testing.gate import Gate

SOMEBODY: Final = RevisionInfo("tester <tester@example.org>", datetime(2026, 1, 1, tzinfo=UTC), "a commit")


@dataclass(slots=True)
class FakeRepository:
    """Commits (id → path → text, id → who made it) and refs (full name → commit)."""

    url: str
    commits: dict[str, Mapping[str, str]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    infos: dict[str, RevisionInfo] = field(default_factory=dict)

    def commit(self, files: Mapping[str, str], *, branch: str = "main", info: RevisionInfo = SOMEBODY) -> str:
        """A new commit with exactly these files, at the tip of `branch`; its id. `info` is who made it, and why."""
        text = f"{self.url}\n{len(self.commits)}\n{sorted(files.items())}"
        commit = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = dict(files)
        self.infos[commit] = info
        self.refs[f"refs/heads/{branch}"] = commit
        self.refs.setdefault("HEAD", commit)
        if branch == "main":
            self.refs["HEAD"] = commit
        return commit

    def tag(self, name: str, commit: str) -> None:
        """Set a tag."""
        self.refs[f"refs/tags/{name}"] = commit


class FakeSources:
    """`ports.Sources` over `FakeRepository`s.

    `gate.hold(url)` lets every call on a repository hang until `gate.release(url)`. `looked_up` lists the URL of each
    look-up on the network, `wanted` is what `keep` was last told. Snapshots are written below `folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._repositories: dict[str, FakeRepository] = {}
        self._seen: dict[str, Refs] = {}
        self._errors: dict[str, SourceError | RuntimeError] = {}
        self._untold: set[str] = set()
        self.gate = Gate()
        self.looked_up: list[str] = []
        self.wanted: Mapping[str, frozenset[str]] = {}

    def repository(self, url: str) -> FakeRepository:
        """The repository at `url`; an empty one the first time."""
        return self._repositories.setdefault(url, FakeRepository(url))

    def fail(self, url: str, error: SourceError | RuntimeError | None = None) -> None:
        """Look-ups of `url` raise from now on: `error`, or one that says that nobody answers."""
        self._errors[url] = error or SourceError(
            "cannot be reached", where=url, hint="check the network", retryable=True
        )

    def fail_changes(self, url: str) -> None:
        """Nobody can say any more at which paths two commits of `url` differ."""
        self._untold.add(url)

    def heal(self, url: str) -> None:
        """Answer again."""
        self._errors.pop(url, None)

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        """The repository's refs."""
        if not fresh and repo_url in self._seen:
            return self._seen[repo_url]
        self.looked_up.append(repo_url)
        await self.gate.passing(repo_url)
        found = self._seen[repo_url] = Refs(dict(self._find(repo_url).refs))
        return found

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        """The commit that the last look-up had for the revision."""
        refs = self._seen.get(repo_url) or await self.refs(repo_url, fresh=True)
        repository = self.repository(repo_url)
        for prefix in ("", "refs/heads/", "refs/tags/", f"refs/tags/{tag_prefix}"):
            if prefix + target_revision in refs.commits:
                return refs.commits[prefix + target_revision]
        versions = parse_range(target_revision)
        if versions is not None:
            tags = (name.removeprefix("refs/tags/") for name in refs.commits if name.startswith("refs/tags/"))
            tag = newest(tags, versions, tag_prefix)
            if tag is not None:
                return refs.commits[f"refs/tags/{tag}"]
        found = [commit for commit in repository.commits if commit.startswith(target_revision)]
        if len(found) == 1 and len(target_revision) >= 7:
            return found[0]
        raise SourceError(
            f"{target_revision} is not a branch, tag or commit", where=repo_url, hint="correct targetRevision"
        )

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """For each read a text that changes with what it gives."""
        await self.gate.passing(repo_url)
        files = self._files(repo_url, commit)
        return [_fingerprint(files, read) for read in reads]

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:
        """The paths at which two commits differ."""
        await self.gate.passing(repo_url)
        if repo_url in self._untold:
            raise SourceError("the commits cannot be compared", where=repo_url, hint="fetch again", retryable=True)
        old, new = (_nodes(self._files(repo_url, commit)) for commit in (before, after))
        return frozenset(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        """The commit as a folder below `folder`."""
        await self.gate.passing(repo_url)
        if self._folder is None:
            raise SourceError("these fake sources have no folder for snapshots", hint="FakeSources(tmp_path)")
        root = self._folder / commit
        _write(root, self._files(repo_url, commit))
        return Snapshot(str(root), repo_url, commit)

    def form(self, repo_url: str) -> str:  # noqa: ARG002 - the port has it
        """There is only one."""
        return ""

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """What `FakeRepository.commit` was told of each commit, and the tags of the last look-up."""
        await self.gate.passing(repo_url)
        known = self._repositories.get(repo_url)
        seen = self._seen.get(repo_url, Refs({})).commits
        found = []
        for commit in commits:
            info = known.infos.get(commit) if known is not None else None
            tags = [
                ref.removeprefix("refs/tags/") for ref in seen if ref.startswith("refs/tags/") and seen[ref] == commit
            ]
            found.append(revision_info(info.author, info.date, info.message, tags) if info else RevisionInfo())
        return found

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Note what is wanted; nothing is forgotten."""
        self.wanted = dict(wanted)

    def _find(self, url: str) -> FakeRepository:
        if url in self._errors:
            raise self._errors[url]
        if url not in self._repositories:
            raise SourceError("the repository does not exist", where=url, hint="correct repoURL")
        return self._repositories[url]

    def _files(self, url: str, commit: str) -> Mapping[str, str]:
        repository = self._repositories.get(url)
        if repository is None or commit not in repository.commits:
            raise SourceError(f"commit {commit} is not in the repository", where=url)
        return repository.commits[commit]


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    root.mkdir(parents=True, exist_ok=True)


def _nodes(files: Mapping[str, str]) -> Mapping[str, object]:
    """Path → content for files, → names and kinds of the entries for folders."""
    found: dict[str, object] = dict(files)
    for name in files:
        parts = name.split("/")
        for depth in range(len(parts)):
            folder = "/".join(parts[:depth]) or "."
            entries = found.setdefault(folder, set())
            if isinstance(entries, set):
                entries.add((parts[depth], depth < len(parts) - 1))
    return found


def _fingerprint(files: Mapping[str, str], read: Read) -> str:
    prefix = "" if read.path in ("", ".") else f"{read.path}/"
    below = sorted({name[len(prefix) :].split("/")[0] for name in files if name.startswith(prefix)})
    if read.path in files:
        return f"file {hashlib.sha256(files[read.path].encode()).hexdigest()}"
    if not below:
        return ""
    return f"dir {below}" if read.kind is ReadKind.DIR else "dir"


if TYPE_CHECKING:
    _guard: Sources = FakeSources()
