"""What hostile servers, archives and URLs must not achieve (the advisories' rows)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
import yaml

from gitopsd.core.origin import OriginKind, chart_origin, file_origin
from gitopsd.core.proxy import parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_limits import ArtifactLimits
from gitopsd.sources.artifacts import ArtifactSources
from gitopsd.testing.chartrepo import ChartRepository, archive, chart_archive
from gitopsd.testing.fileserver import FileServer, WebServer
from gitopsd.testing.registry import CHART, LAYER, MANIFEST, Registry, digest_of
from tests.sources.artifact_fixture import CANARY, failure, files_of, helm, helm_access, oci_access, opened
from tests.sources.certificates import Authority

_KIB = 1024
_MANY_FOLDERS = tuple(f"web/{number}" for number in range(99))
_CHART_YAML = b"apiVersion: v2\nname: web\nversion: 1.0.0\n"


@pytest.fixture
def repository() -> Iterator[ChartRepository]:
    with ChartRepository() as running:
        yield running


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture
def other() -> Iterator[ChartRepository]:
    """A server on another port of the same host: another origin."""
    with ChartRepository() as running:
        running.add("web", "1.0.0")
        yield running


def leaked(server: WebServer) -> list[str]:
    """What a server learned that it should not know."""
    names = ("authorization", "cookie", "proxy-authorization", "referer")
    return [value for request in server.seen for name, value in request.headers.items() if name in names]


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """One odd entry of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, mode
    return made


async def pulled(sources: ArtifactSources, repository: ChartRepository, content: bytes) -> str:
    """Publish an archive as a chart, and unpack it."""
    repository.add("web", "1.0.0", content=content)
    await sources.refs(helm(repository), fresh=True)
    commit = await sources.commit(helm(repository), "1.0.0")
    return (await sources.snapshot(helm(repository), commit)).root


# Credentials


@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"status": 500}, {"redirect_to": "http://127.0.0.1:1"}, {"cut_after": 5}, {"token": "x"}]
)
async def test_S8_no_error_shows_a_credential(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, fault: dict[str, object]
) -> None:
    for name, value in fault.items():
        setattr(repository.faults, name, value)
    told: list[str] = []
    sources = await opened(
        stack,
        tmp_path,
        helm_access(repository.url, "user", CANARY),
        on_connection=lambda origin, error: told.append(origin + error),
    )
    host = repository.base().split("//")[1]
    for origin in (
        helm(repository),
        f"helm+http://u:{CANARY}@{host}/charts#web",
        f"file+http://u:{CANARY}@{host}/f?sig={CANARY}",
    ):
        error = await failure(sources.refs(origin, fresh=True))
        assert CANARY not in f"{error} {error.where} {error.why} {error.hint} {told}"


async def test_S8_a_loop_of_redirects_shows_no_query(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.faults.redirect_to = f"{repository.base()}/charts/index.yaml?sig={CANARY}"
    sources = await opened(stack, tmp_path)
    error = await failure(sources.refs(helm(repository), fresh=True))
    assert "redirect" in str(error)
    assert CANARY not in str(error)


async def test_S9_no_secret_is_in_an_argument_or_the_environment_of_a_fetch(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    repository.faults.hang = True
    sources = await opened(stack, tmp_path, helm_access(repository.url, "user", CANARY))

    def read() -> bytes:
        assert repository.hanging.wait(20)
        return b"".join(
            Path(f"/proc/{pid}/{name}").read_bytes() for pid in sources.workers() for name in ("cmdline", "environ")
        )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(failure, sources.refs(helm(repository), fresh=True))
        found = await anyio.to_thread.run_sync(read)
        assert b"fetch" in found
        assert CANARY.encode() not in found
        repository.over.set()


async def test_S10_a_redirect_to_another_origin_gets_no_credential(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, other: ChartRepository
) -> None:
    repository.faults.username, repository.faults.password = "user", CANARY
    repository.faults.redirect_to = other.base()
    sources = await opened(stack, tmp_path, helm_access(repository.url, "user", CANARY, pass_credentials=True))
    assert (await sources.refs(helm(repository), fresh=True)).commits
    assert other.seen
    assert leaked(other) == []


async def test_S11_a_chart_on_another_origin_is_fetched_without_credentials(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, other: ChartRepository
) -> None:
    repository.faults.username, repository.faults.password = "user", CANARY
    repository.add("web", "1.0.0", url=f"{other.url}/web-1.0.0.tgz")
    sources = await opened(stack, tmp_path, helm_access(repository.url, "user", CANARY))
    commit = await sources.commit(helm(repository), "1.0.0")
    assert files_of((await sources.snapshot(helm(repository), commit)).root)
    assert other.seen
    assert leaked(other) == []


async def test_S11_a_chart_on_another_origin_gets_them_where_pass_credentials_says_so_and_never_by_a_redirect(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, other: ChartRepository
) -> None:
    repository.faults.username = other.faults.username = "user"
    repository.faults.password = other.faults.password = CANARY
    repository.add("web", "1.0.0", url=f"{other.url}/web-1.0.0.tgz")
    sources = await opened(stack, tmp_path, helm_access(repository.url, "user", CANARY))
    commit = await sources.commit(helm(repository), "1.0.0")
    assert "asks for credentials" in str(await failure(sources.snapshot(helm(repository), commit)))

    sources.reconfigure(Accesses([helm_access(repository.url, "user", CANARY, pass_credentials=True)]))
    with FileServer({"charts/web-1.0.0.tgz": chart_archive("web", "1.0.0")}) as third:
        other.faults.redirect_to = third.base()
        assert files_of((await sources.snapshot(helm(repository), commit)).root)
        assert len(leaked(other)) == 1
        assert leaked(third) == []


async def test_S11_blobs_and_pages_on_another_origin_get_no_credential(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.faults.username, registry.faults.password = "user", CANARY
    digest = registry.push_files("app", "1.0.0", {"a": "1"})
    with FileServer() as storage:
        storage.files = {f"b/{name}": content for name, content in registry.contents().items()}
        registry.lies.redirect_blobs = f"{storage.base()}/b"
        sources = await opened(stack, tmp_path, oci_access(registry.url("app"), "user", CANARY))
        assert files_of((await sources.snapshot(registry.url("app"), digest)).root) == ["a"]
        registry.faults.redirect_to, registry.faults.only = storage.base(), "/tags/"
        await failure(sources.commit(registry.url("app"), "^1"))
        assert len(storage.seen) >= 2
        assert leaked(storage) == []


async def test_S12_a_token_server_on_another_host_sees_no_password(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.faults.username, registry.faults.password = "user", CANARY
    registry.push_files("app", "main", {"a": "1"})
    with Registry(host="127.0.0.2") as thief:
        thief.faults.username, thief.faults.password = "user", CANARY
        registry.lies.realm = f"{thief.base()}/token"
        sources = await opened(stack, tmp_path, oci_access(registry.url("app"), "user", CANARY))
        error = await failure(sources.commit(registry.url("app"), "main"))
        assert "token server on another host" in str(error)
        assert thief.seen == []


async def test_S12_a_token_server_that_is_listed_gets_the_password(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.faults.username, registry.faults.password = "user", CANARY
    digest = registry.push_files("app", "main", {"a": "1"})
    with Registry(host="127.0.0.2") as listed:
        listed.faults.username, listed.faults.password = "user", CANARY
        registry.lies.realm = f"{listed.base()}/token"
        access = oci_access(registry.url("app"), "user", CANARY)
        sources = await opened(stack, tmp_path, access, limits=ArtifactLimits(token_hosts=("127.0.0.2",)))
        assert await sources.commit(registry.url("app"), "main") == digest


async def test_S12_a_token_server_that_redirects_passes_no_password_on(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.faults.username, registry.faults.password = "user", CANARY
    registry.push_files("app", "main", {"a": "1"})
    with FileServer() as thief:
        registry.faults.redirect_to, registry.faults.only = thief.base(), "/token"
        sources = await opened(stack, tmp_path, oci_access(registry.url("app"), "user", CANARY))
        await failure(sources.commit(registry.url("app"), "main"))
        assert thief.seen
        assert leaked(thief) == []


async def test_S13_no_hop_to_another_origin_carries_a_client_certificate_or_trusts_blindly(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    ours, theirs = Authority("ours"), Authority("theirs")
    with (
        ChartRepository(ours.server(tmp_path / "ours.pem", "127.0.0.1")) as repository,
        ChartRepository(theirs.server(tmp_path / "theirs.pem", "127.0.0.1")) as stranger,
    ):
        stranger.add("web", "1.0.0")
        repository.faults.redirect_to = stranger.base()
        access = replace(helm_access(repository.url, "user", CANARY), insecure=True)
        sources = await opened(stack, tmp_path / "cache", access)
        assert "TLS certificate was refused" in str(await failure(sources.refs(helm(repository), fresh=True)))
        assert stranger.seen == []


async def test_a_redirect_from_https_to_http_is_refused(
    stack: AsyncExitStack, tmp_path: Path, other: ChartRepository
) -> None:
    authority = Authority("ours")
    with ChartRepository(authority.server(tmp_path / "server.pem", "127.0.0.1")) as repository:
        repository.faults.redirect_to = other.base()
        sources = await opened(stack, tmp_path / "cache", helm_access(repository.url, ca=authority.pem))
        assert "from https to http" in str(await failure(sources.refs(helm(repository), fresh=True)))
        assert other.seen == []


async def test_what_one_origin_holds_is_not_given_to_another_that_claims_its_digest(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, other: ChartRepository
) -> None:
    digest = repository.add("web", "1.0.0", {"values.yaml": "private: true\n"})
    sources = await opened(stack, tmp_path)
    await sources.snapshot(helm(repository), await sources.commit(helm(repository), "1.0.0"))
    other.add("web", "1.0.0", digest=digest)
    commit = await sources.commit(helm(other), "1.0.0")
    assert "announced" in str(await failure(sources.snapshot(helm(other), commit)))


async def test_who_brings_no_password_in_the_url_gets_nothing_that_another_brought(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.add("web", "1.0.0")
    repository.faults.username, repository.faults.password = "user", "a-password"
    sources = await opened(stack, tmp_path)
    host = repository.base().split("//")[1]
    assert (await sources.refs(f"helm+http://user:a-password@{host}/charts#web", fresh=True)).commits
    assert "asks for credentials" in str(await failure(sources.refs(helm(repository), fresh=False)))


# Where requests go


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1%25lo]/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://[64:ff9b::a9fe:a9fe]/x",
        "http://[2002:a9fe:a9fe::1]/x",
        "http://0.0.0.0/x",
        "http://[::]/x",
        "http://100.100.100.200/latest",
        "http://[fd00:ec2::254]/latest",
        "http://224.0.0.1/x",
        "http://255.255.255.255/x",
    ],
)
async def test_E9_link_local_and_metadata_addresses_are_never_reached(
    stack: AsyncExitStack, tmp_path: Path, url: str
) -> None:
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(lookup_seconds=10))
    for origin in (file_origin(url), f"helm+{url}#web"):
        error = str(await failure(sources.refs(origin, fresh=True)))
        assert "never reached" in error or "not the URL" in error, error


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/x", "http://[::ffff:a9fe:a9fe]/x", "file:///etc/passwd", "ftp://127.0.0.1/x"]
)
async def test_E9_a_redirect_or_an_index_leads_nowhere_else(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, target: str
) -> None:
    repository.add("web", "1.0.0", url=target)
    sources = await opened(stack, tmp_path)
    commit = await sources.commit(helm(repository), "1.0.0")
    await failure(sources.snapshot(helm(repository), commit))
    repository.faults.redirect_to = target
    error = await failure(sources.refs(helm(repository), fresh=True))
    assert not error.retryable, error


async def test_E9_private_addresses_are_closed_where_an_option_says_so_but_to_what_is_configured(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.add("web", "1.0.0")
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(block_private=True))
    by_name = repository.url.replace("127.0.0.1", "localhost")
    for url in (repository.url, by_name):
        assert "private address" in str(await failure(sources.refs(chart_origin(url, "web"), fresh=True)))
    assert repository.seen == []
    sources.reconfigure(Accesses([helm_access(repository.url)]))
    assert (await sources.refs(helm(repository), fresh=True)).commits


@pytest.mark.parametrize(
    "scheme", ["file:///etc/passwd", "s3://b/x", "s3::https://h/x", "hg::https://h/x", "git::ssh://h/x", "gopher://h/"]
)
async def test_E9_no_other_scheme_is_followed(stack: AsyncExitStack, tmp_path: Path, scheme: str) -> None:
    sources = await opened(stack, tmp_path)
    for origin in (f"file+{scheme}", f"helm+{scheme}#web"):
        if not origin.startswith("file+file"):
            assert "not the URL" in str(await failure(sources.refs(origin, fresh=True)))


async def test_G3_a_proxy_is_used_and_what_no_proxy_names_is_reached_without(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    repository.add("web", "1.0.0")
    with FileServer() as proxy:
        proxy.files = {"charts/index.yaml": repository.index()}
        way = parse_proxy(f"http://me:{CANARY}@127.0.0.1:{proxy.port}")
        url = "http://charts.example.test/charts"
        access = replace(helm_access(url), proxy=way)
        direct = replace(helm_access(repository.url), proxy=way, no_proxy=("127.0.0.0/8",))
        sources = await opened(stack, tmp_path, access, direct)
        assert (await sources.refs(chart_origin(url, "web"), fresh=True)).commits
        assert [request.headers["host"] for request in proxy.seen] == ["charts.example.test"]
        assert "proxy-authorization" in proxy.seen[0].headers
        assert (await sources.refs(helm(repository), fresh=True)).commits
        assert len(proxy.seen) == 1
        assert leaked(repository) == []
        for metadata in ("http://169.254.169.254/charts",):
            sources.reconfigure(Accesses([replace(helm_access(metadata), proxy=way)]))
            assert "never reached" in str(await failure(sources.refs(chart_origin(metadata, "web"), fresh=True)))


# Archives


async def test_P9_a_charts_name_is_no_path(stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository) -> None:
    sources = await opened(stack, tmp_path)
    for name in ("../../x", ".", "..", "a/b", "", "a b", "/etc", "a\\b"):
        text = yaml.safe_dump({"apiVersion": "v2", "name": name, "version": "1.0.0"}).encode()
        error = await failure(pulled(sources, repository, archive({"web/Chart.yaml": text})))
        assert "name" in str(error), name
        if name:
            assert "not the URL" in str(await failure(sources.refs(helm(repository, name), fresh=True)))
    assert list((tmp_path / "making").iterdir()) == []
    assert files_of(str(tmp_path / "snapshots")) == []


_HOSTILE: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {
    "a link and a file through it": [
        (entry("web/d", tarfile.SYMTYPE, link="/tmp"), b""),
        (entry("web/d/x"), b"x"),
    ],
    "a link within": [(entry("web/d", tarfile.SYMTYPE, link="Chart.yaml"), b"")],
    "a hardlink out": [(entry("web/shadow", tarfile.LNKTYPE, link="/etc/shadow"), b"")],
    "a hardlink within": [(entry("web/copy", tarfile.LNKTYPE, link="web/Chart.yaml"), b"")],
    "a device": [(entry("web/null", tarfile.CHRTYPE), b"")],
    "a fifo": [(entry("web/fifo", tarfile.FIFOTYPE), b"")],
    "an absolute name": [(entry("/web/x"), b"x")],
    "dots": [(entry("web/../../x"), b"x")],
    "dots at the end": [(entry("web/.."), b"x")],
    "a backslash": [(entry("web\\..\\x"), b"x")],
    "a drive": [(entry("C:/x"), b"x")],
    "the same name twice": [(entry("web/x"), b"1"), (entry("web/x"), b"2")],
    "the same name, spelled in two ways": [(entry("web/x"), b"1"), (entry("web/./x"), b"2")],
    "a file where a folder is": [(entry("web/d/x"), b"1"), (entry("web/d"), b"2")],
    "a folder where a file is": [(entry("web/d"), b"1"), (entry("web/d/x"), b"2")],
    "a second top folder": [(entry("other/Chart.yaml"), _CHART_YAML)],
    "outside of the top folder": [(entry("x"), b"x")],
    "a control character": [(entry("web/a\x1bb"), b"x")],
    "a newline": [(entry("web/a\nb"), b"x")],
    "a very long part": [(entry("web/" + "a" * 300), b"x")],
    "a very long name": [(entry("web/" + "a/" * 3000 + "b"), b"x")],
}


@pytest.mark.parametrize("odd", _HOSTILE)
async def test_P10_an_archive_with_anything_but_plain_files_is_refused(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, registry: Registry, odd: str
) -> None:
    content = archive({"web/Chart.yaml": _CHART_YAML}, _HOSTILE[odd])
    sources = await opened(stack, tmp_path)
    error = await failure(pulled(sources, repository, content))
    assert "refused" in str(error) or "limits" in str(error), error

    digest = registry.push("charts/web", "1.0.0", [(CHART, content)])
    await failure(sources.snapshot(registry.url("charts/web"), digest))
    assert list((tmp_path / "making").iterdir()) == []
    assert files_of(str(tmp_path / "snapshots")) == []


async def test_P10_modes_are_ours(stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository) -> None:
    odd = [
        (entry("web/templates", tarfile.DIRTYPE, mode=0), b""),
        (entry("web/templates/a.yaml", mode=0), b"a: 1\n"),
        (entry("web/run.sh", mode=0o4777), b"#!/bin/sh\n"),
    ]
    root = await pulled(await opened(stack, tmp_path), repository, archive({"web/Chart.yaml": _CHART_YAML}, odd))
    assert {oct(os.stat(Path(root) / path).st_mode & 0o7777) for path in files_of(root)} == {"0o644"}
    assert oct(os.stat(Path(root) / "templates").st_mode & 0o7777) == "0o755"


@pytest.mark.parametrize(
    ("limit", "files", "folders"),
    [
        (ArtifactLimits(unpacked_bytes=64 * _KIB), {"web/big": bytes(4 * 1024 * _KIB)}, ()),
        (ArtifactLimits(entries=100), {f"web/{number}": b"" for number in range(200)}, ()),
        (ArtifactLimits(depth=10), {"web/" + "d/" * 30 + "x": b""}, ()),
        (ArtifactLimits(archive_bytes=1 * _KIB), {"web/noise": os.urandom(4 * _KIB)}, ()),
        (ArtifactLimits(entries=50, unpacked_bytes=64 * _KIB), {}, _MANY_FOLDERS),
    ],
    ids=["bytes", "entries", "depth", "download", "folders"],
)  # fmt: skip
async def test_D2_a_bomb_ends_at_its_limit_and_leaves_nothing(
    tmp_path: Path,
    repository: ChartRepository,
    limit: ArtifactLimits,
    files: dict[str, bytes],
    folders: tuple[str, ...],
) -> None:
    content = archive(
        {"web/Chart.yaml": _CHART_YAML, **files}, [(entry(each, tarfile.DIRTYPE), b"") for each in folders]
    )
    async with AsyncExitStack() as stack:
        sources = await opened(stack, tmp_path, limits=limit)
        error = await failure(pulled(sources, repository, content))
        assert "larger than the limits allow" in str(error)
        assert list((tmp_path / "making").iterdir()) == []
        assert files_of(str(tmp_path / "snapshots")) == []


async def test_D2_an_archive_in_an_artifact_and_long_headers_count_too(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(unpacked_bytes=64 * _KIB, entries=8))
    padding = gzip.compress(bytes(16 * 1024 * _KIB))
    raw = gzip.compress(_tar_of_a_global_header(4 * 1024 * _KIB))
    for layer in (padding, raw, archive({"x": bytes(1024 * _KIB)})):
        digest = registry.push("app", "main", [(LAYER, layer)])
        await failure(sources.snapshot(registry.url("app"), digest))
    assert files_of(str(tmp_path / "snapshots")) == []


def _tar_of_a_global_header(size: int) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * size}) as out:
        out.addfile(tarfile.TarInfo("a"))
    return raw.getvalue()


# Endless answers


@pytest.mark.parametrize("fault", ["endless", "drip", "gzip"])
async def test_D3_an_endless_slow_or_expanding_answer_ends_at_its_limit(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository, registry: Registry, fault: str
) -> None:
    limits = ArtifactLimits(
        lookup_seconds=2.0, index_bytes=256 * _KIB, file_bytes=256 * _KIB, memory_bytes=256 * _KIB * _KIB
    )
    sources = await opened(stack, tmp_path, limits=limits)
    repository.index_text = b"# padding\n" * 1_000_000
    registry.push_files("app", "1.0.0", {"a": "1"})
    for server in (repository, registry):
        setattr(server.faults, fault, True)
    registry.faults.only = "/tags/"
    origins = (helm(repository), file_origin(f"{repository.base()}/charts/index.yaml"))
    for origin in origins:
        error = await failure(sources.refs(origin, fresh=True))
        assert "larger than the limits" in str(error) or "took too long" in str(error), error
    if fault != "gzip":
        error = await failure(sources.commit(registry.url("app"), "^1"))
        assert "larger than the limits" in str(error) or "took too long" in str(error) or "cannot be used" in str(error)


async def test_D3_a_list_of_tags_without_end_stops_at_its_limit_of_pages(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.push_files("app", "1.0.0", {"a": "1"})
    registry.lies.endless_tags = True
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(pages=20))
    assert "more than 20 pages" in str(await failure(sources.commit(registry.url("app"), "^1")))
    assert len(registry.seen) <= 22


# What was checked is what is used


async def test_C3_an_archive_with_another_digest_than_announced_is_not_used(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    repository.add("web", "1.0.0", digest="0" * 64)
    sources = await opened(stack, tmp_path)
    commit = await sources.commit(helm(repository), "1.0.0")
    error = await failure(sources.snapshot(helm(repository), commit))
    assert f"sha256:{'0' * 64} was announced" in str(error)
    assert files_of(str(tmp_path / "snapshots")) == []


async def test_C3_a_manifest_or_blob_with_another_digest_is_not_used(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    sources = await opened(stack, tmp_path)
    good = archive({"a": b"1"})
    digest = registry.push("app", "main", [(LAYER, good)])
    for changed in (digest_of(good), digest):
        registry.lies.blobs = {changed: registry.contents()[changed].replace(b"1", b"2") + b" "}
        await failure(sources.snapshot(registry.url("app"), digest))
    same_size = bytearray(good)
    same_size[-1] ^= 1
    registry.lies.blobs = {digest_of(good): bytes(same_size)}
    assert "announced" in str(await failure(sources.snapshot(registry.url("app"), digest)))
    assert files_of(str(tmp_path / "snapshots")) == []


async def test_C3_a_manifest_that_can_be_read_in_two_ways_is_refused(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    sources = await opened(stack, tmp_path)
    layer = (LAYER, archive({"a": b"1"}))
    described = {"mediaType": LAYER, "digest": digest_of(layer[1]), "size": len(layer[1])}
    plain = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [described]})
    index = "application/vnd.oci.image.index.v1+json"
    digests = {
        "manifests and layers": registry.push("app", "a", [layer], manifests=[]),
        "duplicate key": registry.push_manifest("app", "b", (plain[:-1] + ', "layers": []}').encode()),
        "another mediaType": registry.push("app", "c", [layer], mediaType=index),
        "no layer": registry.push("app", "d", []),
        "two layers": registry.push("app", "e", [layer, (LAYER, archive({"b": b"2"}))]),
        "another layer type": registry.push("app", "f", [("application/octet-stream", b"x")]),
        "an index": registry.push_manifest("app", "g", json.dumps({"schemaVersion": 2, "manifests": []}).encode()),
        "no JSON": registry.push_manifest("app", "h", b"schemaVersion: 2"),
        "trailing": registry.push_manifest("app", "i", plain.encode() + b"{}"),
        "fsLayers": registry.push("app", "j", [layer], fsLayers=[]),
    }
    for what, digest in digests.items():
        error = await failure(sources.snapshot(registry.url("app"), digest))
        assert "refused" in str(error) or "cannot be used" in str(error), what
    registry.lies.content_type = index
    await failure(sources.snapshot(registry.url("app"), registry.push("app", "k", [layer])))
    assert files_of(str(tmp_path / "snapshots")) == []


async def test_C3_an_index_that_sets_a_key_twice_is_refused(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    item = f"version: 1.0.0\n    urls: [web-1.0.0.tgz]\n    digest: {digest}\n"
    sources = await opened(stack, tmp_path)
    for text in (
        f"apiVersion: v1\nentries:\n  web:\n  - {item}    digest: {'1' * 64}\n",
        f"apiVersion: v1\nentries:\n  web:\n  - {item}  web: []\n",
        f"apiVersion: v1\nentries:\n  web:\n  - {item}entries: {{}}\n",
        '{"apiVersion": "v1", "entries": {"web": []}, "entries": {}}',
    ):
        repository.index_text = text.encode()
        assert "cannot be used" in str(await failure(sources.refs(helm(repository), fresh=True))), text


async def test_D1_an_index_full_of_aliases_is_read_without_expanding_them(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    entries = "entries:\n  web:\n  - version: 1.0.0\n    urls: *a29\n  - version: 2.0.0\n    urls: [web-2.0.0.tgz]\n"
    repository.index_text = f"apiVersion: v1\na0: &a0 [x]\n{bomb}{entries}".encode()
    sources = await opened(stack, tmp_path, limits=ArtifactLimits(lookup_seconds=20))
    found = await sources.refs(helm(repository), fresh=True)
    assert "refs/tags/2.0.0" in found.commits


async def test_a_registry_access_is_not_used_for_a_file_or_another_path(
    stack: AsyncExitStack, tmp_path: Path, repository: ChartRepository
) -> None:
    access = RepositoryAccess(
        f"{repository.base()}/team", username="user", password=Secret(CANARY), kind=OriginKind.HELM
    )
    sources = await opened(stack, tmp_path, access)
    for path in ("teamster/index.yaml", "other/index.yaml"):
        await failure(sources.refs(file_origin(f"{repository.base()}/{path}"), fresh=True))
    assert leaked(repository) == []
