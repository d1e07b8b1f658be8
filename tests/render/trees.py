"""Commits of one repository as dictionaries, behind `ports.Sources`: what the render room's tests need of git."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.ports.sources import Refs, Snapshot

REPO = "https://git.example.org/team/app.git"


@dataclass
class Trees:
    """`commits` maps a commit to its files; `snapshots` and `looks` count what was asked for.

    `forms` is what `form` answers.
    """

    folder: Path
    commits: dict[str, dict[str, str]] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    forms: str = ""

    def add(self, files: Mapping[str, str]) -> str:
        """Add a commit; equal files give an equal commit."""
        digest = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        self.commits[digest] = dict(files)
        return digest

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        return Refs({f"refs/heads/{commit}": commit for commit in self.commits})

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        return target_revision

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        self.looks.append(commit)
        files = self._files(commit)
        return [found + self.forms if (found := self._fingerprint(files, read)) else "" for read in reads]

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:
        return None

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        return [RevisionInfo()] * len(commits)

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        self.snapshots.append(commit)
        return await anyio.to_thread.run_sync(self._write, repo_url, commit)

    def _write(self, repo_url: str, commit: str) -> Snapshot:
        final = self.folder / commit
        if final.exists():
            return Snapshot(str(final), repo_url, commit)
        root = self.folder / f"{commit}-{threading.get_ident()}"
        for name, content in self._files(commit).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("→"):
                if not path.is_symlink():
                    path.symlink_to(content[1:])
            else:
                path.write_text(content)
        root.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another thread was first
            root.rename(final)
        return Snapshot(str(final), repo_url, commit)

    def form(self, repo_url: str) -> str:
        return self.forms

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        raise NotImplementedError

    def _files(self, commit: str) -> Mapping[str, str]:
        if commit not in self.commits:
            raise SourceError(f"commit {commit} is gone")
        return self.commits[commit]

    def _fingerprint(self, files: Mapping[str, str], read: Read) -> str:
        prefix = "" if read.path == "." else f"{read.path}/"
        inside = sorted({name[len(prefix) :].partition("/")[0] for name in files if name.startswith(prefix)})
        if read.kind is ReadKind.FILE:
            content = files.get(read.path)
            return "" if content is None else hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
        if read.kind is ReadKind.DIR:
            return repr([(name, prefix + name in files) for name in inside]) if inside else ""
        return "there" if read.path in files or inside else ""
