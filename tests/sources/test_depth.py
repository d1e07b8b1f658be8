"""`depth`: only the end of the history is fetched, and what needs more of it still works."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import GitRepo, GitServer


def _shallow(state: Path) -> bool:
    (mirror,) = (path for path in (state / "mirrors").iterdir() if path.is_dir())
    shallow = mirror / "shallow"
    return shallow.exists() and bool(shallow.read_text().strip())


def _history(repo: GitRepo, length: int) -> list[str]:
    return [repo.commit({"app/a.yaml": f"a: {index}\n"}) for index in range(length)]


async def _sources(stack: AsyncExitStack, folder: Path, url: str) -> GitSources:
    return await stack.enter_async_context(GitSources(folder=folder, repositories=[RepositoryAccess(url, depth=1)]))


async def test_the_tip_comes_without_its_history_and_the_next_one_too(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    first = _history(repo, 5)[-1]
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    assert await sources.commit(url, "main") == first
    assert _shallow(tmp_path)
    second = _history(repo, 7)[-1]
    await sources.refs(url, fresh=True)
    assert await sources.commit(url, "main") == second
    assert _shallow(tmp_path)
    assert (Path((await sources.snapshot(url, second)).root) / "app/a.yaml").read_text() == "a: 6\n"
    assert await sources.changes(url, first, second) == frozenset({"app/a.yaml"})


async def test_an_old_commit_makes_the_mirror_whole(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    history = _history(repo, 5)
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    await sources.commit(url, "main")
    assert await sources.commit(url, history[1][:9]) == history[1]
    assert not _shallow(tmp_path)
    assert (Path((await sources.snapshot(url, history[1])).root) / "app/a.yaml").read_text() == "a: 1\n"


async def test_a_short_id_of_the_tip_needs_no_history(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    tip = _history(repo, 3)[-1]
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    assert await sources.commit(url, tip[:8]) == tip
    assert _shallow(tmp_path)


async def test_changes_since_a_commit_that_is_not_there_cannot_be_told(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    history = _history(repo, 4)
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    tip = await sources.commit(url, "main")
    assert await sources.changes(url, history[0], tip) is None
    assert _shallow(tmp_path)


async def test_the_whole_history_comes_back_when_depth_is_taken_away(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    _history(repo, 4)
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    await sources.commit(url, "main")
    sources.reconfigure([replace(RepositoryAccess(url), depth=0)])
    tip = _history(repo, 5)[-1]
    await sources.refs(url, fresh=True)
    assert await sources.commit(url, "main") == tip
    assert not _shallow(tmp_path)


async def test_a_forced_push_to_other_history_is_followed(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    _history(repo, 4)
    url = server.url(repo.path.name)
    sources = await _sources(stack, tmp_path, url)
    await sources.commit(url, "main")
    forced = repo.commit({"other": "x"}, new=True)
    await sources.refs(url, fresh=True)
    assert await sources.commit(url, "main") == forced


async def test_a_folder_gives_its_whole_history(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    history = _history(repo, 3)
    sources = await _sources(stack, tmp_path, repo.url)
    assert await sources.commit(repo.url, "main") == history[-1]
    assert await sources.commit(repo.url, history[0][:9]) == history[0]
    with pytest.raises(SourceError):
        await sources.commit(repo.url, "0123456")
