"""Single files of the web, and all sources as one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gitopsd.core.origin import chart_origin, file_origin
from gitopsd.core.proxy import parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.all import AllSources
from gitopsd.sources.git import GitSources
from gitopsd.testing.chartrepo import ChartRepository
from gitopsd.testing.fileserver import FileServer
from gitopsd.testing.gitserver import GitRepo
from gitopsd.testing.registry import Registry
from tests.sources.artifact_fixture import failure, files_of, helm, helm_access, oci_access, opened
from tests.sources.certificates import Authority


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"values.yaml": b"a: 1\n"}) as running:
        yield running


async def test_a_file_is_the_digest_of_its_content_and_a_folder_with_it_alone(
    stack: AsyncExitStack, tmp_path: Path, server: FileServer
) -> None:
    sources = await opened(stack, tmp_path)
    origin = file_origin(server.url("values.yaml"))
    commit = await sources.commit(origin, "HEAD")

    assert commit == "sha256:" + hashlib.sha256(b"a: 1\n").hexdigest()
    snapshot = await sources.snapshot(origin, commit)
    assert [(Path(snapshot.root) / name).read_bytes() for name in files_of(snapshot.root)] == [b"a: 1\n"]
    assert len(server.seen) == 1, "the look-up brought the content"
    assert (await sources.refs(origin, fresh=False)).commits == {"HEAD": commit}


async def test_a_file_that_changes_is_followed_by_the_next_fresh_look_up(
    stack: AsyncExitStack, tmp_path: Path, server: FileServer
) -> None:
    sources = await opened(stack, tmp_path)
    origin = file_origin(server.url("values.yaml"))
    before = await sources.commit(origin, "HEAD")
    server.files["values.yaml"] = b"a: 2\n"

    assert await sources.commit(origin, "HEAD") == before
    await sources.refs(origin, fresh=True)
    after = await sources.commit(origin, "HEAD")
    assert after != before
    assert files_of((await sources.snapshot(origin, before)).root), "what is here stays usable"
    await sources.keep({origin: frozenset({after})})
    assert "published anew" in str(await failure(sources.snapshot(origin, before)))
    assert "published anew" in str(await failure(sources.commit(origin, before)))


async def test_a_file_that_did_not_change_is_not_sent_again_but_comes_back_when_it_was_removed_here(
    stack: AsyncExitStack, tmp_path: Path, server: FileServer
) -> None:
    sources = await opened(stack, tmp_path)
    origin = file_origin(server.url("values.yaml"))
    commit = await sources.commit(origin, "HEAD")
    await sources.refs(origin, fresh=True)
    assert "if-none-match" in server.seen[-1].headers
    await sources.keep({origin: frozenset()})
    assert files_of((await sources.snapshot(origin, commit)).root)


async def test_a_file_that_is_gone_or_behind_a_password_says_so(
    stack: AsyncExitStack, tmp_path: Path, server: FileServer
) -> None:
    sources = await opened(stack, tmp_path)
    error = await failure(sources.commit(file_origin(server.url("other.yaml")), "HEAD"))
    assert "not found" in str(error)
    assert not error.retryable
    server.faults.username, server.faults.password = "user", "a-password"
    origin = file_origin(server.url("values.yaml"))
    assert "asks for credentials" in str(await failure(sources.commit(origin, "HEAD")))
    sources.reconfigure(Accesses([helm_access(server.base(), "user", "a-password")]))
    assert await sources.commit(origin, "HEAD")


async def test_a_signed_url_keeps_its_query(stack: AsyncExitStack, tmp_path: Path, server: FileServer) -> None:
    sources = await opened(stack, tmp_path)
    await sources.commit(file_origin(f"{server.url('values.yaml')}?sig=abc&x=%20y"), "HEAD")
    assert dict(server.seen[0].query) == {"sig": "abc", "x": " y"}


async def test_an_index_may_refer_to_a_registry(stack: AsyncExitStack, tmp_path: Path) -> None:
    with Registry() as registry, ChartRepository() as repository:
        manifest = registry.push_chart("charts/web", "1.0.0")
        host = registry.url("charts/web")
        repository.add("web", "1.0.0", url=f"{host}:1.0.0", digest=manifest.removeprefix("sha256:"))
        repository.add("web", "2.0.0", url=f"{host}:1.0.0", digest="0" * 64)
        repository.add("web", "3.0.0", url=f"{host}@{manifest}", digest="")
        sources = await opened(stack, tmp_path, helm_access(repository.url, "user", "a-password"))
        for version in ("1.0.0", "3.0.0"):
            commit = await sources.commit(helm(repository), version)
            assert "Chart.yaml" in files_of((await sources.snapshot(helm(repository), commit)).root)
        wrong = await sources.commit(helm(repository), "2.0.0")
        assert "announced" in str(await failure(sources.snapshot(helm(repository), wrong)))
        assert not any(request.authorization for request in registry.seen)


async def test_a_client_certificate_is_shown_to_the_repository(stack: AsyncExitStack, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate = authority.server(tmp_path / "server.pem", "127.0.0.1")
    text = certificate.read_text()
    cut = text.index("-----BEGIN PRIVATE KEY-----")
    with ChartRepository(certificate, client_ca=authority.pem) as repository:
        repository.add("web", "1.0.0")
        without = helm_access(repository.url, ca=authority.pem)
        sources = await opened(stack, tmp_path / "cache", without)
        await failure(sources.refs(helm(repository), fresh=True))
        shown = replace(without, tls_client_cert=text[:cut], tls_client_key=Secret(text[cut:]))
        sources.reconfigure(Accesses([shown]))
        assert (await sources.refs(helm(repository), fresh=True)).commits


async def test_a_registry_elsewhere_is_asked_in_plain_only_where_the_configuration_says_so(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    with Registry() as registry:
        digest = registry.push_files("app", "main", {"a": "1"})
        url = "oci://registry.example.test/app"
        # A proxy that answers for the name itself; a tunnel, which TLS needs, it does not have.
        access = replace(oci_access(url), proxy=parse_proxy(f"http://127.0.0.1:{registry.port}"))
        sources = await opened(stack, tmp_path, access)
        await failure(sources.commit(url, "main"))
        assert registry.seen == []
        sources.reconfigure(Accesses([replace(access, insecure_oci_force_http=True)]))
        assert await sources.commit(url, "main") == digest


async def test_all_sources_ask_whom_the_origin_names(stack: AsyncExitStack, tmp_path: Path, repo: GitRepo) -> None:
    with ChartRepository() as charts, FileServer({"f": b"1"}) as files:
        charts.add("web", "1.0.0")
        git = await stack.enter_async_context(GitSources(folder=tmp_path / "git"))
        every = AllSources(git, await opened(stack, tmp_path / "artifacts"))
        origins = (f"file://{repo.path}", chart_origin(charts.url, "web"), file_origin(files.url("f")))
        wanted = {}
        for origin, revision in zip(origins, ("main", "1.0.0", "HEAD"), strict=True):
            assert (await every.refs(origin, fresh=True)).commits
            commit = await every.commit(origin, revision)
            wanted[origin] = frozenset({commit})
            assert files_of((await every.snapshot(origin, commit)).root)
            assert await every.changes(origin, commit, commit) == frozenset()
        await every.keep(wanted)
        for origin, commits in wanted.items():
            for commit in commits:
                assert files_of((await every.snapshot(origin, commit)).root)
        assert charts.asked(".tgz") == 1
        every.reconfigure(Accesses())
        assert every.workers()
