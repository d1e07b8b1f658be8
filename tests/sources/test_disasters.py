"""Full disks, large repositories, rewritten history, two daemons on one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import SourceError
from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.sources.watching import runs, until

MB = 1_000_000


async def _root(sources: GitSources, url: str) -> Path:
    await sources.refs(url, fresh=True)
    return Path((await sources.snapshot(url, await sources.commit(url, "main"))).root)


async def test_two_daemons_on_one_cache_folder_the_second_is_refused_and_the_first_goes_on(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    first = await stack.enter_async_context(GitSources(folder=tmp_path))
    commit = await first.commit(repo.url, "main")
    with pytest.raises(SourceError, match="another gitopsd uses this cache folder") as caught:
        async with GitSources(folder=tmp_path):
            raise AssertionError("two at once")
    assert f"process {os.getpid()} holds it" in caught.value.why
    assert "state.cacheDir" in caught.value.hint
    assert (await first.snapshot(repo.url, commit)).commit == commit

    await stack.aclose()
    async with GitSources(folder=tmp_path) as second:
        assert await second.commit(repo.url, "main") == commit


async def test_a_daemon_that_was_killed_holds_its_cache_folder_no_longer(tmp_path: Path, repo: GitRepo) -> None:
    script = (
        "import anyio, pathlib, sys\n"
        "from gitopsd.sources.git import GitSources\n"
        "async def main():\n"
        "    async with GitSources(folder=pathlib.Path(sys.argv[1])):\n"
        "        print('ready', flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    async with await anyio.open_process([sys.executable, "-c", script, str(tmp_path)]) as process:
        assert process.stdout is not None
        assert b"ready" in await process.stdout.receive()
        with pytest.raises(SourceError, match="another gitopsd"):
            await GitSources(folder=tmp_path).__aenter__()
        process.kill()
        await until(lambda: not runs(process.pid))
    async with GitSources(folder=tmp_path) as sources:
        assert await sources.commit(repo.url, "main") == repo.git("rev-parse", "main")


def _rewrite(repo: GitRepo) -> str:
    """Replace all history, and leave nothing of the old one on the server."""
    commit = repo.commit({"rewritten": "1"}, new=True)
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--quiet", "--prune=now")
    return commit


async def test_history_rewritten_between_look_up_and_fetch_is_looked_up_again(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    url = server.url(repo.path.name)
    await sources.refs(url, fresh=True)
    commit = _rewrite(repo)
    assert await sources.commit(url, "main") == commit


async def test_history_rewritten_under_a_running_fetch_ends_with_what_is_there(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    url = server.url(repo.path.name)
    await sources.refs(url, fresh=True)
    rewritten: list[str] = []

    def rewrite() -> None:
        if not rewritten:
            rewritten.append(_rewrite(repo))

    server.on_fetch = rewrite
    try:
        found = await sources.commit(url, "main")
    except SourceError as error:
        assert error.retryable  # noqa: PT017 - both ends are good ones: an error to try again, or the new commit
        await sources.refs(url, fresh=True)
        found = await sources.commit(url, "main")
    assert [found] == rewritten
    assert (await _root(sources, url) / "rewritten").exists()


async def test_a_repository_that_moved_on_its_host_and_one_that_is_gone(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer, served: Path
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    url = server.url(repo.path.name)
    commit = await sources.commit(url, "main")
    name = repo.path.name
    repo.path = repo.path.rename(served / f"moved-{name}")
    with pytest.raises(SourceError, match="repository not found"):
        await sources.refs(url, fresh=True)
    assert (await sources.snapshot(url, commit)).commit == commit  # what was fetched stays

    server.faults.moved = (f"/{name}", f"/moved-{name}")
    later = repo.commit({"after": "1"})
    await sources.refs(url, fresh=True)
    assert await sources.commit(url, "main") == later


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(_mount(folder, "size=8m"), capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(folder: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]


async def _grow(folder: Path) -> None:
    await anyio.run_process(["mount", "-o", "remount,size=200m", str(folder)])


@pytest.mark.parametrize("over", ["http", "file"])
async def test_a_disk_that_fills_up_while_fetching_says_so_and_room_is_all_it_needs(
    over: str, small_disk: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    repo.commit({"large": os.urandom(12 * MB)})
    url = repo.url if over == "file" else server.url(repo.path.name)
    sources = await stack.enter_async_context(GitSources(folder=small_disk))
    with pytest.raises(SourceError, match="cannot be written") as caught:
        await _root(sources, url)
    assert "No space left" in caught.value.why
    assert caught.value.retryable

    await _grow(small_disk)
    assert (await _root(sources, url) / "large").stat().st_size == 12 * MB
    await stack.aclose()


async def test_a_disk_that_fills_up_while_a_snapshot_is_made_leaves_nothing_half_made(
    small_disk: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=small_disk))
    first = await _root(sources, repo.url)
    repo.commit({f"folder/{index}": f"{index}" + "x" * MB for index in range(12)})
    with pytest.raises(SourceError, match="cannot be written") as caught:
        await _root(sources, repo.url)
    assert "No space left" in caught.value.why
    assert list((small_disk / "making").iterdir()) == []
    assert [path.name for path in (small_disk / "snapshots").glob("*/*")] == [first.name]

    await _grow(small_disk)
    assert len(list((await _root(sources, repo.url) / "folder").iterdir())) == 12
    await stack.aclose()


@pytest.mark.timeout(600)
async def test_a_repository_of_200_mb_with_a_file_of_50_mb(
    tmp_path: Path, stack: AsyncExitStack, empty: GitRepo, server: GitServer
) -> None:
    # What takes long is to compress it and to look for what is alike; neither is what is tested.
    for key, value in {"core.compression": "0", "pack.window": "0", "core.bigFileThreshold": "1m"}.items():
        empty.git("config", key, value)
    content = os.urandom(50 * MB)
    empty.commit({"large": content, **{f"folder/{index}": os.urandom(10 * MB) for index in range(15)}})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    root = await _root(sources, server.url(empty.path.name))
    assert (root / "large").read_bytes() == content
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) == 200 * MB
