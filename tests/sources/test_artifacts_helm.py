"""Charts of Helm repositories."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
import yaml
from blockbuster import blockbuster_ctx

from gitopsd.core.manifest import Read, ReadKind
from gitopsd.core.secret import Secret
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_limits import ArtifactLimits
from gitopsd.sources.artifacts import ArtifactSources
from gitopsd.testing.chartrepo import ChartRepository
from tests.sources.artifact_fixture import Requests, failure, files_of, helm, helm_access, opened
from tests.sources.certificates import Authority


@pytest.fixture
def repository() -> Iterator[ChartRepository]:
    with ChartRepository() as running:
        for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1"):
            running.add("web", version)
        yield running


async def test_an_exact_version_and_a_range_become_the_version_with_its_digest(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    newest = repository.add("web", "1.10.1")
    sources = await opened(stack, tmp_path)
    refs = await sources.refs(helm(repository), fresh=True)

    assert set(refs.commits) == {f"refs/tags/{v}" for v in ("1.0.0", "1.2.0", "1.10.0", "1.10.1", "2.0.0-rc.1")}
    for revision in ("1.10.1", "v1.10.1", "^1.2", "1.x", ">= 1.0.0, < 3", "HEAD", "*"):
        assert await sources.commit(helm(repository), revision) == f"1.10.1@sha256:{newest}", revision
    assert (await sources.commit(helm(repository), ">=2.0.0-0")).startswith("2.0.0-rc.1@")
    assert (await sources.commit(helm(repository), "~1.2.0")).startswith("1.2.0@")


async def test_a_snapshot_is_the_unpacked_chart(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.add("web", "3.0.0", {"templates/a.yaml": "a: 1\n", "values.yaml": "b: 2\n"})
    sources = await opened(stack, tmp_path)
    with blockbuster_ctx():
        commit = await sources.commit(helm(repository), "3.0.0")
        snapshot = await sources.snapshot(helm(repository), commit)

    assert files_of(snapshot.root) == ["Chart.yaml", "templates/a.yaml", "values.yaml"]
    assert (Path(snapshot.root) / "values.yaml").read_text() == "b: 2\n"
    assert snapshot.commit == commit
    assert await sources.snapshot(helm(repository), commit) == snapshot
    assert repository.asked(".tgz") == 1


async def test_what_was_resolved_holds_until_the_next_fresh_look_up(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    before = await sources.commit(helm(repository), "^1")
    repository.add("web", "1.99.0")

    assert await sources.commit(helm(repository), "^1") == before
    assert repository.asked("index.yaml") == 1
    await sources.refs(helm(repository), fresh=True)
    assert (await sources.commit(helm(repository), "^1")).startswith("1.99.0@")


async def test_a_republished_version_is_another_commit(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    before = await sources.commit(helm(repository), "1.0.0")
    old = await sources.snapshot(helm(repository), before)
    digest = repository.add("web", "1.0.0", {"values.yaml": "other: true\n"})
    await sources.refs(helm(repository), fresh=True)

    after = await sources.commit(helm(repository), "1.0.0")

    assert after == f"1.0.0@sha256:{digest}" != before
    assert "values.yaml" in files_of((await sources.snapshot(helm(repository), after)).root)
    assert (await sources.snapshot(helm(repository), before)).root == old.root, "what is here stays usable"


async def test_a_republished_version_that_is_not_here_is_gone(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    before = await sources.commit(helm(repository), "1.0.0")
    repository.add("web", "1.0.0", {"values.yaml": "other: true\n"})
    await sources.refs(helm(repository), fresh=True)

    assert "published anew" in str(await failure(sources.snapshot(helm(repository), before)))


async def test_a_version_that_is_gone_and_a_chart_that_never_was_say_what_there_is(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    await sources.commit(helm(repository), "1.0.0")
    repository.remove("web", "1.0.0")
    await sources.refs(helm(repository), fresh=True)

    gone = await failure(sources.commit(helm(repository), "1.0.0"))
    assert "no version of the chart fits 1.0.0" in str(gone)
    assert "1.10.0" in gone.hint
    assert not gone.retryable
    assert "has no chart web2" in str(await failure(sources.commit(helm(repository, "web2"), "1.0.0")))


async def test_a_version_published_a_moment_ago_is_found(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    await sources.refs(helm(repository), fresh=True)
    digest = repository.add("web", "4.0.0")

    assert await sources.commit(helm(repository), "4.0.0") == f"4.0.0@sha256:{digest}"


async def test_an_index_without_digests_names_that_of_the_archive(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    digest = repository.add("web", "5.0.0", digest="")
    sources = await opened(stack, tmp_path)

    commit = await sources.commit(helm(repository), "5.0.0")
    await sources.snapshot(helm(repository), commit)
    assert commit == f"5.0.0@sha256:{digest}"
    assert repository.asked(".tgz") == 1

    other = repository.add("web", "5.0.0", {"values.yaml": "a: 1\n"}, digest="")
    repository.add("web", "5.0.1")
    await sources.refs(helm(repository), fresh=True)
    assert await sources.commit(helm(repository), "5.0.0") == f"5.0.0@sha256:{other}"


async def test_one_look_up_serves_all_charts_of_a_repository_and_all_who_ask_at_once(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    charts = [f"chart{number}" for number in range(12)]
    for chart in charts:
        repository.add(chart, "1.0.0")
    sources = await opened(stack, tmp_path)

    async def resolve(chart: str) -> None:
        commit = await sources.commit(helm(repository, chart), "1.0.0")
        await sources.snapshot(helm(repository, chart), commit)

    async with anyio.create_task_group() as tasks:
        for chart in (*charts, *charts):
            tasks.start_soon(resolve, chart)

    assert repository.asked("index.yaml") <= 2
    assert repository.asked(".tgz") == len(charts)


async def test_an_index_that_did_not_change_is_not_sent_again(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    requests = Requests()
    sources = await opened(stack, tmp_path, on_request=requests)
    first = await sources.refs(helm(repository), fresh=True)
    assert await sources.refs(helm(repository), fresh=True) == first

    assert "if-none-match" not in repository.seen[0].headers
    assert "if-none-match" in repository.seen[1].headers
    assert [(each.kind, each.ok) for each in requests.made] == [("index", True)] * 2


async def test_a_repository_that_is_down_takes_nothing_away(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    commit = await sources.commit(helm(repository), "1.0.0")
    await sources.snapshot(helm(repository), commit)
    repository.faults.status = 500

    error = await failure(sources.refs(helm(repository), fresh=True))
    assert "has no time or is broken" in str(error)
    assert error.retryable
    assert await sources.commit(helm(repository), "1.0.0") == commit
    assert files_of((await sources.snapshot(helm(repository), commit)).root)

    repository.faults.status = 0
    assert (await sources.refs(helm(repository), fresh=True)).commits


async def test_a_closed_port_and_an_unknown_host_are_unreachable(stack: AsyncExitStack, tmp_path: Path) -> None:
    sources = await opened(stack, tmp_path)
    for url in ("http://127.0.0.1:1/charts", "http://charts.example.invalid"):
        error = await failure(sources.refs(f"helm+{url}#web", fresh=True))
        assert "cannot be reached" in str(error)
        assert error.retryable


async def test_wrong_credentials_are_corrected_without_a_restart(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.faults.username, repository.faults.password = "reader", "right-password"
    sources = await opened(stack, tmp_path)
    assert "asks for credentials" in str(await failure(sources.refs(helm(repository), fresh=True)))

    sources.reconfigure(Accesses([helm_access(repository.url, "reader", "wrong-password")]))
    error = await failure(sources.refs(helm(repository), fresh=True))
    assert "refused the credentials" in str(error)
    assert "wrong-password" not in str(error)

    sources.reconfigure(Accesses([helm_access(repository.url, "reader", "right-password")]))
    commit = await sources.commit(helm(repository), "1.0.0")
    assert files_of((await sources.snapshot(helm(repository), commit)).root)


async def test_a_bearer_token_is_sent(stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository) -> None:
    repository.faults.token = "a-token"
    access = replace(helm_access(repository.url), bearer_token=Secret("a-token"))
    sources = await opened(stack, tmp_path, access)
    assert (await sources.refs(helm(repository), fresh=True)).commits


async def test_a_repository_with_its_own_ca_needs_that_ca(stack: AsyncExitStack, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate = authority.server(tmp_path / "server.pem", "127.0.0.1")
    with ChartRepository(certificate) as repository:
        repository.add("web", "1.0.0")
        sources = await opened(stack, tmp_path / "cache")
        error = await failure(sources.refs(helm(repository), fresh=True))
        assert "TLS certificate was refused" in str(error)
        assert "`ca`" in error.hint

        sources.reconfigure(Accesses([helm_access(repository.url, ca=Authority("other").pem)]))
        await failure(sources.refs(helm(repository), fresh=True))
        sources.reconfigure(Accesses([helm_access(repository.url, ca=authority.pem)]))
        commit = await sources.commit(helm(repository), "1.0.0")
        assert files_of((await sources.snapshot(helm(repository), commit)).root)
        sources.reconfigure(Accesses([replace(helm_access(repository.url), insecure=True)]))
        assert (await sources.refs(helm(repository), fresh=True)).commits


async def test_keep_removes_what_nobody_wants(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    first, second = [await sources.commit(helm(repository), version) for version in ("1.0.0", "1.2.0")]
    roots = [Path((await sources.snapshot(helm(repository), commit)).root) for commit in (first, second)]

    await sources.keep({helm(repository): frozenset({second})})
    assert [root.exists() for root in roots] == [False, True]
    await sources.keep({})
    assert not roots[1].exists()
    assert files_of((await sources.snapshot(helm(repository), first)).root), "and it comes back"


async def test_a_restart_finds_its_snapshots_and_sweeps_out_halves(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    async with AsyncExitStack() as before:
        sources = await opened(before, tmp_path)
        commit = await sources.commit(helm(repository), "1.0.0")
        root = (await sources.snapshot(helm(repository), commit)).root
    half = tmp_path / "making" / "7"
    half.mkdir()
    repository.faults.status = 503

    sources = await opened(stack, tmp_path)
    assert (await sources.snapshot(helm(repository), commit)).root == root
    assert not half.exists()
    await sources.keep({helm(repository): frozenset({commit})})
    assert files_of(root)


async def test_a_fetch_that_is_killed_in_the_middle_leaves_nothing_and_the_next_works(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    commit = await sources.commit(helm(repository), "1.0.0")
    repository.faults.hang, repository.faults.only = True, ".tgz"

    async def kill() -> None:
        assert await anyio.to_thread.run_sync(repository.hanging.wait, 20)
        for pid in sources.workers():
            os.kill(pid, signal.SIGKILL)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(kill)
        error = await failure(sources.snapshot(helm(repository), commit))
    assert "ended unexpectedly" in str(error)
    assert error.retryable
    assert list((tmp_path / "making").iterdir()) == []

    repository.over.set()
    repository.faults.hang = False
    assert files_of((await sources.snapshot(helm(repository), commit)).root)


async def test_a_slow_repository_is_given_up_at_the_deadline_and_holds_up_no_other(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(lookup_seconds=1.0))
    with ChartRepository() as slow:
        slow.faults.hang = True
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                assert "took too long" in str(await failure(sources.refs(helm(slow), fresh=True)))

            tasks.start_soon(wait)
            assert (await sources.refs(helm(repository), fresh=True)).commits
        assert not sources.workers()


async def test_reads_of_a_chart_are_told_by_its_commit_alone(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    reads = [Read("Chart.yaml", ReadKind.FILE), Read("templates", ReadKind.DIR)]
    assert await sources.fingerprints(helm(repository), "1.0.0@sha256:a", reads) == ["1.0.0@sha256:a"] * 2
    assert await sources.changes(helm(repository), "a", "a") == frozenset()
    assert await sources.changes(helm(repository), "a", "b") is None


async def test_an_odd_index_is_refused_or_read_as_helm_reads_it(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await opened(stack, tmp_path)
    for text in (b"", b"<html>", b"- a\n", b"apiVersion: v1\n", b"apiVersion: v1\nentries: []\n", b"{", b"\x00\x01"):
        repository.index_text = text
        assert "cannot be used" in str(await failure(sources.refs(helm(repository), fresh=True))), text

    urls = ["web-1.0.0.tgz"]
    odd: list[object] = [
        None,
        "text",
        {"version": "", "urls": urls},
        {"version": "9.0.0"},
        {"version": "8.0.0", "urls": []},
    ]
    good = {"version": "1.0.0", "urls": urls}
    repository.index_text = yaml.safe_dump(
        {"apiVersion": "v1", "entries": {"web": [*odd[2:], good], "bad": 7}}
    ).encode()
    assert set((await sources.refs(helm(repository), fresh=True)).commits) == {"refs/tags/1.0.0"}


async def test_without_the_engine_the_reason_is_given(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    sources = await stack.enter_async_context(ArtifactSources(folder=tmp_path, command=None))
    error = await failure(sources.refs(helm(repository), fresh=True))
    assert "without its engine" in str(error)
    assert "make setup" in error.hint


async def test_every_request_is_told_of_with_how_it_went(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    told: list[tuple[str, bool]] = []
    sources = await opened(stack, tmp_path, on_connection=lambda origin, error: told.append((origin, bool(error))))
    await sources.refs(helm(repository), fresh=True)
    repository.faults.status = 500
    await failure(sources.refs(helm(repository), fresh=True))
    assert told == [(f"helm+{repository.url}#", False), (f"helm+{repository.url}#", True)]
