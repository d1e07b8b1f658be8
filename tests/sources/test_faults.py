"""Servers, workers, mirrors and the network misbehave: an error says so, and the next call works."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import zlib
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from gitopsd.core.errors import SourceError
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits, GitRequest
from gitopsd.testing.gitserver import GitRepo, GitServer, advertisement
from tests.sources.watching import exists, files_with, names, runs, until


async def _hangs(server: GitServer) -> None:
    assert await to_thread.run_sync(server.hanging.wait, 20)


async def test_a_server_that_hangs_meets_the_deadline_and_the_next_call_works(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=GitLimits(lookup_seconds=3)))
    server.faults.hang = True
    with pytest.raises(SourceError) as caught:
        await sources.refs(url, fresh=True)
    assert caught.value.retryable
    assert "too long" in caught.value.what or "in time" in caught.value.why

    server.faults.hang = False
    assert await sources.commit(url, "main") == repo.git("rev-parse", "main")


async def test_a_fetch_that_hangs_is_killed_at_its_deadline_and_the_next_call_works(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=GitLimits(fetch_seconds=3)))
    await sources.refs(url, fresh=True)
    server.faults.hang = True
    with pytest.raises(SourceError, match="took too long"):
        await sources.commit(url, "main")

    server.faults.hang = False
    assert await sources.commit(url, "main") == repo.git("rev-parse", "main")


async def test_a_worker_killed_in_the_middle_costs_its_request_only(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, on_request=asked.append))
    errors: list[SourceError] = []
    server.faults.hang = True

    async def ask() -> None:
        with pytest.raises(SourceError, match="ended unexpectedly") as caught:
            await sources.refs(url, fresh=True)
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await _hangs(server)
        for pid in sources.workers():
            os.kill(pid, signal.SIGKILL)

    assert len(errors) == 3
    assert all(error.retryable for error in errors)
    assert [request.ok for request in asked] == [False]
    server.faults.hang = False
    assert await sources.commit(url, "main") == repo.git("rev-parse", "main")


async def test_a_worker_killed_while_idle_costs_nobody_anything(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    await sources.refs(repo.url, fresh=True)
    (pid,) = sources.workers()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not exists(pid))
    assert await sources.commit(repo.url, "main") == repo.git("rev-parse", "main")


async def test_one_hanging_server_does_not_hold_up_another_repository(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=GitLimits(workers=2)))
    commit = await sources.commit(repo.url, "main")
    server.faults.hang = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_refused, sources, server.url("hanging.git"))
        await _hangs(server)
        # With every place for the network taken, what is here already can still be read.
        assert await sources.fingerprints(repo.url, commit, [Read("app", ReadKind.DIR)])
        assert (await sources.snapshot(repo.url, commit)).commit == commit
        server.over.set()


async def _refused(sources: GitSources, url: str) -> None:
    with pytest.raises(SourceError):
        await sources.refs(url, fresh=True)


async def test_who_stops_waiting_does_not_stop_the_look_up_for_others(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    url = server.url(repo.path.name)
    got: list[str] = []

    async def patient() -> None:
        got.append((await sources.refs(url, fresh=True)).commits["HEAD"])

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            tasks.start_soon(patient)
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(lambda: sources.refs(url, fresh=True))
                await anyio.lowlevel.checkpoint()
                scope.cancel()
    assert got == [repo.git("rev-parse", "main")]


async def test_idle_workers_end_and_one_stays(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, empty: GitRepo, server: GitServer
) -> None:
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, limits=GitLimits(workers=4, idle_seconds=0.2))
    )
    server.faults.hang = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_refused, sources, server.url("hanging.git"))
        await _hangs(server)
        await sources.refs(repo.url, fresh=True)
        assert len(sources.workers()) == 2
        server.over.set()
    await until(lambda: len(names(tmp_path / "workers")) == 1)
    assert len(sources.workers()) == 1
    (home,) = names(tmp_path / "workers")
    assert (tmp_path / "workers" / home).stat().st_mode & 0o777 == 0o700


async def test_no_worker_outlives_its_sources(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        await sources.refs(repo.url, fresh=True)
        pids = sources.workers()
    assert pids
    assert not any(exists(pid) for pid in pids)
    assert names(tmp_path / "workers") == []


async def test_a_worker_ends_when_the_daemon_is_killed(tmp_path: Path, repo: GitRepo) -> None:
    script = (
        "import anyio, os, signal, sys, pathlib\n"
        "from gitopsd.sources.git import GitSources\n"
        "async def main():\n"
        "    async with GitSources(folder=pathlib.Path(sys.argv[1])) as sources:\n"
        "        await sources.refs(sys.argv[2], fresh=True)\n"
        "        print(*sources.workers(), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "anyio.run(main)\n"
    )
    done = await anyio.run_process([sys.executable, "-c", script, str(tmp_path), repo.url], check=False)
    pid = int(done.stdout)
    await until(lambda: not runs(pid))


async def test_a_commit_that_no_branch_holds_any_more_says_so(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    await sources.refs(repo.url, fresh=True)
    with pytest.raises(SourceError, match="does not hold this commit any more"):
        await sources.snapshot(repo.url, "0123456789" * 4)


async def test_D9_a_worker_is_bounded_by_the_system(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    limits = GitLimits(memory_bytes=1 << 30, pack_bytes=1 << 20, snapshot_bytes=1 << 20)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=limits))
    await sources.refs(repo.url, fresh=True)
    (pid,) = sources.workers()
    assert resource.prlimit(pid, resource.RLIMIT_AS)[1] == 1 << 30
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[1] == 1 << 20
    assert resource.prlimit(pid, resource.RLIMIT_CORE)[1] == 0


async def test_a_cancelled_fetch_leaves_nothing_in_the_way(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    async with GitSources(folder=tmp_path) as sources:
        await sources.refs(url, fresh=True)
        server.faults.hang = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sources.commit, url, "main")
            await _hangs(server)
            tasks.cancel_scope.cancel()
    server.faults.hang = False
    again = await stack.enter_async_context(GitSources(folder=tmp_path))
    assert await again.commit(url, "main") == repo.git("rev-parse", "main")


async def test_a_worker_that_cannot_start_says_why(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such thing here')"]
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, worker_command=command))
    with pytest.raises(SourceError, match="ended unexpectedly") as caught:
        await sources.refs(repo.url, fresh=True)
    assert "no such thing here" in caught.value.why

    missing = await stack.enter_async_context(GitSources(folder=tmp_path / "b", worker_command=["/nonexistent"]))
    with pytest.raises(SourceError, match="ended unexpectedly") as caught:
        await missing.refs(repo.url, fresh=True)
    assert "No such file" in caught.value.why


def _packs(folder: Path) -> list[Path]:
    return sorted(folder.glob("mirrors/*/objects/pack/*.pack"))


async def _all_works(sources: GitSources, url: str, commit: str) -> None:
    assert await sources.commit(url, "main") == commit
    assert await sources.fingerprints(url, commit, [Read("app/a.yaml", ReadKind.FILE)])
    assert (Path((await sources.snapshot(url, commit)).root) / "app/a.yaml").read_text() == "a: 1\n"


async def test_a_mirror_whose_pack_was_cut_is_made_anew(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        commit = await sources.commit(repo.url, "main")
    (pack,) = _packs(tmp_path)
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)
    async with GitSources(folder=tmp_path) as sources:
        await _all_works(sources, repo.url, commit)


async def test_a_mirror_that_breaks_while_in_use_is_made_anew(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        commit = await sources.commit(repo.url, "main")
        (pack,) = _packs(tmp_path)
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:12] + b"\xff" * (pack.stat().st_size - 12))
        for pid in sources.workers():
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not any(exists(pid) for pid in sources.workers()))
        await _all_works(sources, repo.url, commit)


async def test_a_mirror_that_somebody_removed_is_made_anew(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        commit = await sources.commit(repo.url, "main")
        (tmp_path / "away").mkdir()
        for mirror in (tmp_path / "mirrors").iterdir():
            mirror.rename(tmp_path / "away" / mirror.name)
        await _all_works(sources, repo.url, commit)


async def test_what_a_killed_fetch_left_in_the_mirror_does_no_harm(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        await sources.commit(repo.url, "main")
    (mirror,) = (path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())
    (mirror / "objects/pack/pack_git2_abc").write_bytes(b"PACK half")
    for ref in list((mirror / "refs/one").iterdir()):
        ref.with_name(ref.name + ".lock").write_bytes(b"")
    (mirror / "config.lock").touch()
    commit = repo.commit({"app/b.yaml": "b"})
    async with GitSources(folder=tmp_path) as sources:
        await sources.refs(repo.url, fresh=True)
        await _all_works(sources, repo.url, commit)
    assert not list(mirror.rglob("*.lock"))
    assert not (mirror / "objects/pack/pack_git2_abc").exists()


async def test_a_mirror_of_too_many_packs_is_fetched_anew_as_one(tmp_path: Path, repo: GitRepo) -> None:
    limits = GitLimits(mirror_packs=3)
    async with GitSources(folder=tmp_path, limits=limits) as sources:
        for index in range(5):
            repo.commit({"app/x.yaml": str(index)})
            await sources.refs(repo.url, fresh=True)
            await sources.commit(repo.url, "main")
        assert len(_packs(tmp_path)) == 5
    async with GitSources(folder=tmp_path, limits=limits) as sources:
        await _all_works(sources, repo.url, repo.git("rev-parse", "main"))
        assert len(_packs(tmp_path)) == 1


@pytest.mark.parametrize("where", ["look-up", "fetch"])
async def test_a_cut_connection_is_an_error_and_the_next_call_works(
    where: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    repo.commit({"large": os.urandom(50_000)})
    url = server.url(repo.path.name)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    if where == "fetch":
        await sources.refs(url, fresh=True)
    server.faults.cut_after = 60 if where == "look-up" else 5_000
    with pytest.raises(SourceError):
        await sources.commit(url, "main")

    server.faults.cut_after = 0
    await _all_works(sources, url, repo.git("rev-parse", "main"))


async def test_D9_too_many_refs_are_refused_while_they_come(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    server.faults.body = advertisement([(f"refs/heads/b{index}", f"{index:040x}") for index in range(1, 5000)])
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=GitLimits(refs=1000)))
    with pytest.raises(SourceError, match="larger than the limits") as caught:
        await sources.refs(server.url("x.git"), fresh=True)
    assert "1000 refs" in caught.value.why


async def test_D9_a_pack_that_claims_a_terabyte_is_an_error(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    size, header = 1 << 40, []
    byte = (3 << 4) | (size & 15)
    size >>= 4
    while size:
        header.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    header.append(byte)
    pack = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes(header) + zlib.compress(b"small")
    pack += hashlib.sha1(pack, usedforsecurity=False).digest()
    commit = repo.git("rev-parse", "main")
    server.faults.body = advertisement([("HEAD", commit), ("refs/heads/main", commit)])
    server.faults.fetch_body = b"0008NAK\n" + pack
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    url = server.url(repo.path.name)
    with pytest.raises(SourceError):
        await sources.commit(url, "main")

    server.faults.body = server.faults.fetch_body = b""
    await _all_works(sources, url, commit)


async def test_D9_a_pack_beyond_the_limit_is_refused(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    repo.commit({"large": os.urandom(3_000_000)})
    limits = GitLimits(pack_bytes=1_000_000, snapshot_bytes=1_000_000)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=limits))
    for url in (server.url(repo.path.name), repo.url):
        with pytest.raises(SourceError, match="larger than the limits"):
            await sources.commit(url, "main")


async def test_G7_odd_names_that_a_server_advertises_are_skipped_and_no_file_is_named_so(
    tmp_path: Path, stack: AsyncExitStack, server: GitServer, repo: GitRepo
) -> None:
    asked: list[GitRequest] = []
    early = repo.git("rev-parse", "main")
    tip = repo.commit({"app/b.yaml": "b"})
    odd = ["refs/heads/../../config", "refs/heads/../../../evil", "refs/tags/a..b", "refs/heads/x.lock", "config"]
    server.faults.body = advertisement([("HEAD", tip), ("refs/heads/main", tip), *((name, tip) for name in odd)])
    pack = (await anyio.run_process(["git", "-C", str(repo.path), "pack-objects", "--all", "--stdout", "-q"])).stdout
    server.faults.fetch_body = b"0008NAK\n" + pack
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, on_request=asked.append))
    url = server.url(repo.path.name)

    asked.clear()
    refs = await sources.refs(url, fresh=True)

    assert set(refs.commits) == {"HEAD", "refs/heads/main"}
    assert [request.skipped_refs for request in asked] == [len(odd)]
    assert await sources.commit(url, early) == early
    assert not any("evil" in path.name for path in files_with("", tmp_path))
    assert any(path.name == "config" for path in files_with("followRedirects", tmp_path))
