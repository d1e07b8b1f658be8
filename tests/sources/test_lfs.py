"""Files that git LFS keeps: fetched from the repository's own server, verified, cached by their id."""

from __future__ import annotations

import os
import stat
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.worker.pointers import Pointer, parsed
from gitopsd.testing.gitserver import EXECUTABLE, Entry, GitRepo, GitServer
from gitopsd.testing.lfs import LfsStore
from tests.sources.watching import names

LARGE = os.urandom(300_000)


@pytest.fixture
def store(server: GitServer) -> LfsStore:
    """What the server keeps with LFS."""
    server.lfs = LfsStore()
    return server.lfs


class Hosted(NamedTuple):
    """A repository on a server with LFS, which wants a password for both."""

    repo: GitRepo
    access: RepositoryAccess
    store: LfsStore
    server: GitServer


@pytest.fixture
def hosted(repo: GitRepo, server: GitServer, store: LfsStore) -> Hosted:
    """All of them, with the right password."""
    server.faults.username, server.faults.password = "user", "CANARY"
    url = server.url(repo.path.name)
    access = RepositoryAccess(url, username="user", password=Secret("CANARY"), enable_lfs=True)
    return Hosted(repo, access, store, server)


async def _root(sources: GitSources, url: str) -> Path:
    await sources.refs(url, fresh=True)
    return Path((await sources.snapshot(url, await sources.commit(url, "main"))).root)


def _objects(state: Path) -> list[str]:
    return [name for folder in (state / "objects").iterdir() for name in names(folder)]


async def test_pointers_are_replaced_and_each_object_is_fetched_once(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    pointer = hosted.store.add(LARGE)
    hosted.repo.commit(
        {"a/big.yaml": pointer, "b/same": pointer, "run": Entry(hosted.store.add(b"#!/bin/sh\n"), EXECUTABLE)}
    )
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access]))

    root = await _root(sources, hosted.access.url)

    assert (root / "a/big.yaml").read_bytes() == (root / "b/same").read_bytes() == LARGE
    assert (root / "run").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o555
    assert stat.S_IMODE((root / "b/same").stat().st_mode) == 0o444
    assert (root / "app/a.yaml").read_text() == "a: 1\n"
    assert [len(batch) for batch in hosted.store.batches] == [2]

    hosted.repo.commit({"c/again": pointer, "new": hosted.store.add(b"new")})
    assert (await _root(sources, hosted.access.url) / "c/again").read_bytes() == LARGE
    assert [len(batch) for batch in hosted.store.batches] == [2, 1]


async def test_without_enable_lfs_pointers_stay_what_they_are(
    sources: GitSources, repo: GitRepo, server: GitServer, store: LfsStore
) -> None:
    pointer = store.add(LARGE)
    repo.commit({"big": pointer})
    assert (await _root(sources, server.url(repo.path.name)) / "big").read_text() == pointer
    assert store.batches == []


async def test_switching_it_on_changes_snapshot_and_fingerprint_of_the_same_commit(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    off = replace(hosted.access, enable_lfs=False)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[off]))
    before = await _root(sources, hosted.access.url)
    reads = [Read("big", ReadKind.FILE), Read("none", ReadKind.MISSING)]
    old = await sources.fingerprints(hosted.access.url, before.name, reads)

    sources.reconfigure([hosted.access])

    after = await _root(sources, hosted.access.url)
    new = await sources.fingerprints(hosted.access.url, before.name, reads)
    assert (after / "big").read_bytes() == LARGE
    assert (before / "big").read_bytes() != LARGE
    assert (old[0] != new[0], old[1], new[1]) == (True, "", "")


@pytest.mark.parametrize("lie", [b"short", LARGE[:-1] + b"?", LARGE + b"more"])
async def test_an_object_that_is_not_what_its_id_says_is_refused(
    lie: bytes, tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access]))
    hosted.store.lie = lie
    with pytest.raises(SourceError) as caught:
        await _root(sources, hosted.access.url)
    assert "is not what the repository says it is" in caught.value.why
    assert _objects(tmp_path) == []
    assert list((tmp_path / "making").iterdir()) == []

    hosted.store.lie = None
    assert (await _root(sources, hosted.access.url) / "big").read_bytes() == LARGE


async def test_an_object_that_is_gone_is_named_and_works_when_it_comes(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    (oid,) = hosted.store.objects
    hosted.store.objects.clear()
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access]))
    with pytest.raises(SourceError) as caught:
        await _root(sources, hosted.access.url)
    assert f"LFS object {oid[:12]}: Object does not exist" in caught.value.why
    assert "git lfs push" in caught.value.hint
    hosted.store.add(LARGE)
    assert (await _root(sources, hosted.access.url) / "big").read_bytes() == LARGE


async def test_S11_credentials_do_not_go_to_a_store_elsewhere_and_its_own_headers_do(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    with GitServer(tmp_path, lfs=hosted.store) as elsewhere:
        hosted.store.elsewhere = elsewhere.url("").rstrip("/")
        hosted.store.headers = {"X-Signature": "for this object", "Host": "evil.example"}
        sources = await stack.enter_async_context(GitSources(folder=tmp_path / "state", repositories=[hosted.access]))
        assert (await _root(sources, hosted.access.url) / "big").read_bytes() == LARGE
        assert [request.authorization for request in elsewhere.seen] == [""]


async def test_S10_a_redirect_to_another_port_gets_no_credentials(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    with GitServer(tmp_path, lfs=hosted.store) as elsewhere:
        sources = await stack.enter_async_context(GitSources(folder=tmp_path / "state", repositories=[hosted.access]))
        await sources.refs(hosted.access.url, fresh=True)
        commit = await sources.commit(hosted.access.url, "main")
        hosted.server.faults.redirect_to = elsewhere.url("").rstrip("/")
        await sources.snapshot(hosted.access.url, commit)
        assert [request.authorization for request in elsewhere.seen] == [""]


async def test_a_wrong_password_is_named_and_corrected_without_a_restart(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access]))
    await sources.refs(hosted.access.url, fresh=True)
    commit = await sources.commit(hosted.access.url, "main")
    hosted.server.faults.password = "changed"
    with pytest.raises(SourceError, match="authentication failed") as caught:
        await sources.snapshot(hosted.access.url, commit)
    assert "CANARY" not in str(caught.value)
    sources.reconfigure([replace(hosted.access, password=Secret("changed"))])
    assert (Path((await sources.snapshot(hosted.access.url, commit)).root) / "big").read_bytes() == LARGE


async def test_a_server_without_lfs_and_a_url_that_is_not_http_say_so(
    tmp_path: Path, stack: AsyncExitStack, hosted: Hosted
) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    hosted.server.lfs = None
    local = RepositoryAccess(hosted.repo.url, enable_lfs=True)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access, local]))
    with pytest.raises(SourceError) as caught:
        await _root(sources, hosted.access.url)
    assert "no git LFS" in caught.value.why
    with pytest.raises(SourceError) as caught:
        await _root(sources, local.url)
    assert "over https alone" in caught.value.why
    assert caught.value.what == "git LFS cannot be asked"
    assert "https URL" in caught.value.hint


async def test_objects_count_towards_the_limits(tmp_path: Path, stack: AsyncExitStack, hosted: Hosted) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE)})
    limits = GitLimits(snapshot_bytes=len(LARGE) - 1)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access], limits=limits))
    with pytest.raises(SourceError, match="limits"):
        await _root(sources, hosted.access.url)
    assert hosted.store.batches == []


async def test_objects_without_a_snapshot_are_removed(tmp_path: Path, stack: AsyncExitStack, hosted: Hosted) -> None:
    hosted.repo.commit({"big": hosted.store.add(LARGE), "other": hosted.store.add(b"other")})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[hosted.access]))
    first = await _root(sources, hosted.access.url)
    hosted.repo.commit({"big": None})
    second = await _root(sources, hosted.access.url)
    await sources.keep({hosted.access.url: frozenset({first.name[:40], second.name[:40]})})
    assert len(_objects(tmp_path)) == 2
    await sources.keep({hosted.access.url: frozenset({second.name[:40]})})
    assert len(_objects(tmp_path)) == 1
    assert (second / "other").read_bytes() == b"other"


def test_what_is_a_pointer() -> None:
    text = LfsStore().add(b"x").encode()
    pointer = parsed(text)
    assert isinstance(pointer, Pointer)
    assert pointer.size == 1
    for other in (
        b"",
        text + b"x",
        text.replace(b"size 1", b"size -1"),
        text[:-2],
        b"v" * 2000,
        text.replace(b"sha256", b"md5"),
    ):
        assert parsed(other) is None
