"""The next snapshot of a large repository: a spare copy that is changed, and still exactly the commit."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits
from gitopsd.testing.gitserver import EXECUTABLE, LINK, Entry, GitRepo
from tests.sources.watching import until

Files = Mapping[str, str | bytes | Entry | None]
EVERY = GitLimits(spare_files=0)


async def _snapshot(sources: GitSources, repo: GitRepo) -> Path:
    await sources.refs(repo.url, fresh=True)
    return Path((await sources.snapshot(repo.url, await sources.commit(repo.url, "main"))).root)


def _spares(state: Path) -> list[Path]:
    return list(state.glob("spares/*/*"))


def _content(root: Path) -> dict[str, tuple[str, bytes | str, int]]:
    """Everything below a folder: kind, content, mode."""
    found: dict[str, tuple[str, bytes | str, int]] = {}
    for path in sorted(root.rglob("*")):
        name, mode = str(path.relative_to(root)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = ("link", os.readlink(path), 0)
        elif path.is_dir():
            found[name] = ("folder", "", mode)
        else:
            found[name] = ("file", path.read_bytes(), mode)
    return found


async def test_a_spare_becomes_the_next_snapshot_and_shares_with_nothing_that_changed(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    repo.commit({"same": "s", "app/b": "b", "tool": "t", "gone/x": "g", "file": "1", "folder/x": "2", "link": "f"})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=EVERY))
    first = await _snapshot(sources, repo)
    held = _content(first)
    await until(lambda: len(_spares(tmp_path)) == 1)
    (spare,) = _spares(tmp_path)
    folder = (spare / "app").stat().st_ino
    repo.commit(
        {
            "app/b": "changed",
            "tool": Entry("t", EXECUTABLE),
            "gone/x": None,
            "file": None,
            "file/inner": "3",
            "folder/x": None,
            "folder": "now a file",
            "link": Entry("tool", LINK),
            "new/deep/y": "4",
        }
    )

    second = await _snapshot(sources, repo)

    assert (second / "app").stat().st_ino == folder
    assert _content(first) == held
    async with GitSources(folder=tmp_path / "other") as plain:
        assert _content(second) == _content(await _snapshot(plain, repo))
    await until(lambda: len(_spares(tmp_path)) == 1)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_changes_the_snapshot_is_the_commit(
    seed: int, tmp_path: Path, stack: AsyncExitStack, empty: GitRepo
) -> None:
    chance = random.Random(seed)  # noqa: S311  # the same trees in every run
    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "a", limits=EVERY))
    plain = await stack.enter_async_context(GitSources(folder=tmp_path / "b"))
    for _ in range(4):
        files: dict[str, str | bytes | Entry | None] = {}
        for _ in range(12):
            path = "/".join(chance.choice("abc") for _ in range(chance.randint(1, 3)))
            if not any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in files):
                mode = chance.choice(("100644", EXECUTABLE, LINK))
                files[path] = Entry(f"nothing{chance.choice('12')}", mode)
        empty.commit(files, new=True)
        made = await _snapshot(sources, empty)
        await until(lambda: len(_spares(tmp_path / "a")) == 1)
        shutil.rmtree(tmp_path / "b/snapshots")
        (tmp_path / "b/snapshots").mkdir()
        assert _content(made) == _content(await _snapshot(plain, empty))


async def test_P3_a_link_that_begins_to_leave_in_a_spare_is_refused_and_the_next_commit_works(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=EVERY))
    repo.commit({"kept/link": Entry("../hop/x", LINK), "hop/x": "here"})
    await _snapshot(sources, repo)
    await until(lambda: len(_spares(tmp_path)) == 1)
    repo.commit({"hop/x": None, "hop": Entry("..", LINK)})
    with pytest.raises(SourceError, match="refused") as caught:
        await _snapshot(sources, repo)
    assert "'kept/link'" in caught.value.why
    assert list((tmp_path / "making").iterdir()) == []

    repo.commit({"hop": None, "hop/x": "again"})
    assert (await _snapshot(sources, repo) / "kept/link").read_text() == "again"


async def test_a_spare_of_an_earlier_run_is_used(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path, limits=EVERY) as sources:
        await _snapshot(sources, repo)
        await until(lambda: len(_spares(tmp_path)) == 1)
        folder = (_spares(tmp_path)[0] / "app").stat().st_ino
    repo.commit({"app/b": "b"})
    async with GitSources(folder=tmp_path, limits=EVERY) as sources:
        assert (await _snapshot(sources, repo) / "app").stat().st_ino == folder


async def test_a_spare_whose_commit_is_lost_is_left_aside(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path, limits=EVERY) as sources:
        await _snapshot(sources, repo)
        await until(lambda: len(_spares(tmp_path)) == 1)
        (spare,) = _spares(tmp_path)
        spare.rename(spare.with_name("0123456789" * 4))
        repo.commit({"app/b": "b"})
        root = await _snapshot(sources, repo)
        assert _content(root)["app/a.yaml"][1] == b"a: 1\n"
        assert _content(root)["app/b"][1] == b"b"


async def test_small_repositories_have_no_spare_and_unwanted_ones_lose_it(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, empty: GitRepo
) -> None:
    empty.commit({"one": "1"})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=GitLimits(spare_files=2)))
    repo.commit({"app/b": "b"})
    await _snapshot(sources, empty)
    await _snapshot(sources, repo)
    await until(lambda: len(_spares(tmp_path)) == 1)
    await sources.keep({})
    assert _spares(tmp_path) == []


async def test_D2_a_tree_that_stands_for_a_billion_files_is_refused_before_anything_is_written(
    tmp_path: Path, stack: AsyncExitStack, empty: GitRepo
) -> None:
    tree = empty.git("hash-object", "-t", "tree", "-w", "--stdin", stdin=b"")
    blob = empty.git("hash-object", "-w", "--stdin", stdin=b"x")
    lines = "".join(f"100644 blob {blob}\t{index}\n" for index in range(10))
    for _ in range(10):
        tree = empty.git("mktree", stdin=lines.encode())
        lines = "".join(f"040000 tree {tree}\t{index}\n" for index in range(10))
    empty.git("update-ref", "refs/heads/main", empty.git("commit-tree", tree, "-m", "bomb"))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    with pytest.raises(SourceError, match="limits") as caught:
        await _snapshot(sources, empty)
    assert "200000 files" in caught.value.why
    assert list((tmp_path / "making").iterdir()) == []
