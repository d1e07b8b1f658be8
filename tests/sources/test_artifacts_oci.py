"""Artifacts and charts of OCI registries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from gitopsd.core.origin import chart_origin
from gitopsd.core.secret import Secret
from gitopsd.sources.accesses import Accesses
from gitopsd.testing.fileserver import FileServer
from gitopsd.testing.registry import Registry
from tests.sources.artifact_fixture import Requests, failure, files_of, oci_access, opened
from tests.sources.certificates import Authority


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


async def test_a_tag_a_digest_and_a_range_become_the_manifests_digest(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    digests = {
        tag: registry.push_files("team/app", tag, {"a.yaml": f"tag: {tag}\n"}) for tag in ("1.0.0", "1.9.0", "main")
    }
    registry.push_files("team/app", "2.0.0-rc1", {"a.yaml": "a: 1\n"})
    sources = await opened(stack, tmp_path)
    origin = registry.url("team/app")

    assert await sources.commit(origin, "main") == digests["main"]
    assert await sources.commit(origin, digests["1.0.0"]) == digests["1.0.0"]
    for revision in ("1.9.0", "^1.0.0", "1.x", "1", "HEAD", "*"):
        assert await sources.commit(origin, revision) == digests["1.9.0"], revision
    refs = await sources.refs(origin, fresh=True)
    assert refs.commits == {"refs/tags/1.9.0": digests["1.9.0"], "refs/tags/main": digests["main"]}


async def test_a_snapshot_is_the_unpacked_layer(stack: AsyncExitStack, tmp_path: Path, registry: Registry) -> None:
    registry.push_files("team/app", "main", {"base/a.yaml": "a: 1\n", "b.yaml": "b: 2\n"})
    sources = await opened(stack, tmp_path)
    origin = registry.url("team/app")
    commit = await sources.commit(origin, "main")

    snapshot = await sources.snapshot(origin, commit)

    assert files_of(snapshot.root) == ["b.yaml", "base/a.yaml"]
    assert snapshot.commit == commit


async def test_a_chart_is_unpacked_without_its_top_folder_and_its_version_may_have_build_metadata(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    digest = registry.push_chart("charts/web", "1.2.3+build.5")
    registry.push_chart("charts/web", "1.2.2")
    sources = await opened(stack, tmp_path)
    origin = chart_origin(registry.url("charts"), "web")

    for revision in ("1.2.3+build.5", "~1.2", "1.2.3"):
        assert await sources.commit(origin, revision) == digest, revision
    assert files_of((await sources.snapshot(origin, digest)).root) == ["Chart.yaml", "templates/configmap.yaml"]


async def test_tags_are_read_page_by_page(stack: AsyncExitStack, tmp_path: Path) -> None:
    with Registry(page=3) as registry:
        digests = [registry.push_files("app", f"0.{minor}.0", {"a": str(minor)}) for minor in range(10)]
        sources = await opened(stack, tmp_path)
        assert await sources.commit(registry.url("app"), ">=0.0.0") == digests[9]
        assert sum("/tags/" in request.path for request in registry.seen) == 4


async def test_a_tag_that_moves_is_followed_by_the_next_fresh_look_up(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    requests = Requests()
    before = registry.push_files("app", "main", {"a": "1"})
    sources = await opened(stack, tmp_path, on_request=requests)
    origin = registry.url("app")
    assert await sources.commit(origin, "main") == before
    after = registry.push_files("app", "main", {"a": "2"})

    assert await sources.commit(origin, "main") == before
    await sources.refs(origin, fresh=True)
    assert await sources.commit(origin, "main") == after
    assert [each.kind for each in requests.made] == ["oci", "oci"]


async def test_a_tag_that_is_gone_says_so_and_is_found_when_it_comes_back(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    digest = registry.push_files("app", "main", {"a": "1"})
    registry.push_files("app", "other", {"a": "2"})
    sources = await opened(stack, tmp_path)
    origin = registry.url("app")
    await sources.snapshot(origin, await sources.commit(origin, "main"))
    registry.untag("app", "main")
    await sources.refs(origin, fresh=True)

    error = await failure(sources.commit(origin, "main"))
    assert "not found" in str(error)
    assert not error.retryable
    assert "no such version" in str(await failure(sources.commit(origin, "^3")))
    assert files_of((await sources.snapshot(origin, digest)).root), "what is here stays usable"
    registry.push_files("app", "main", {"a": "1"})
    await sources.refs(origin, fresh=True)
    assert await sources.commit(origin, "main") == digest


async def test_a_tag_prefix_chooses_among_the_tags_of_one_part(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    wanted = registry.push_files("app", "web-1.2.0", {"a": "1"})
    registry.push_files("app", "api-1.9.0", {"a": "2"})
    registry.push_files("app", "1.8.0", {"a": "3"})
    sources = await opened(stack, tmp_path)
    assert await sources.commit(registry.url("app"), "^1", "web-") == wanted


async def test_a_registry_that_is_down_or_slow_takes_nothing_away(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    digest = registry.push_files("app", "main", {"a": "1"})
    sources = await opened(stack, tmp_path)
    origin = registry.url("app")
    await sources.snapshot(origin, await sources.commit(origin, "main"))
    for status in (500, 503, 429):
        registry.faults.status = status
        error = await failure(sources.refs(origin, fresh=True))
        assert "has no time or is broken" in str(error)
        assert error.retryable
        assert await sources.commit(origin, "main") == digest
        assert files_of((await sources.snapshot(origin, digest)).root)
    registry.faults.status = 0
    assert (await sources.refs(origin, fresh=True)).commits


@pytest.mark.parametrize("plain", [False, True], ids=["token", "basic"])
async def test_wrong_credentials_are_corrected_without_a_restart(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry, plain: bool
) -> None:
    registry.faults.username, registry.faults.password, registry.plain_auth = "reader", "right-password", plain
    digest = registry.push_files("team/app", "main", {"a": "1"})
    origin = registry.url("team/app")
    sources = await opened(stack, tmp_path)
    assert "authentication failed" in str(await failure(sources.commit(origin, "main")))

    sources.reconfigure(Accesses([oci_access(registry.url("team"), "reader", "wrong-password")]))
    error = await failure(sources.commit(origin, "main"))
    assert "refused the credentials" in str(error)
    assert "wrong-password" not in str(error)

    sources.reconfigure(Accesses([oci_access(registry.url("team"), "reader", "right-password")]))
    assert await sources.commit(origin, "main") == digest
    assert files_of((await sources.snapshot(origin, digest)).root) == ["a"]

    registry.faults.password = "rotated-password"
    assert "refused the credentials" in str(await failure(sources.refs(origin, fresh=True)))


async def test_a_bearer_token_is_sent_as_it_is(stack: AsyncExitStack, tmp_path: Path, registry: Registry) -> None:
    registry.faults.token = "a-token"
    digest = registry.push_files("app", "main", {"a": "1"})
    access = replace(oci_access(registry.url("app")), bearer_token=Secret("a-token"))
    sources = await opened(stack, tmp_path, access)
    registry.lies.realm = "http://127.0.0.1:1/nobody"
    assert await sources.commit(registry.url("app"), "main") == digest


async def test_an_anonymous_token_is_enough_for_a_public_repository(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    class Public(Registry):
        def admits(self, request: object) -> bool:
            return "Bearer " in str(getattr(request, "authorization", "")) or getattr(request, "path", "") == "/token"

    with Public() as public:
        digest = public.push_files("app", "main", {"a": "1"})
        sources = await opened(stack, tmp_path)
        assert await sources.commit(public.url("app"), "main") == digest
        assert public.tokens_given == 1
        assert not any("Basic" in request.authorization for request in public.seen)


async def test_a_registry_that_hides_digests_is_asked_for_the_manifest(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.lies.without_digest = True
    digest = registry.push_files("app", "main", {"a": "1"})
    sources = await opened(stack, tmp_path)
    assert await sources.commit(registry.url("app"), "main") == digest
    assert files_of((await sources.snapshot(registry.url("app"), digest)).root) == ["a"]


async def test_tls_is_asked_for_and_verified(stack: AsyncExitStack, tmp_path: Path) -> None:
    authority = Authority("ours")
    with Registry(authority.server(tmp_path / "server.pem", "127.0.0.1")) as registry:
        digest = registry.push_files("app", "main", {"a": "1"})
        origin = registry.url("app")
        sources = await opened(stack, tmp_path / "cache")
        assert "TLS certificate was refused" in str(await failure(sources.commit(origin, "main")))
        sources.reconfigure(Accesses([replace(oci_access(origin), ca=authority.pem)]))
        assert await sources.commit(origin, "main") == digest
        assert files_of((await sources.snapshot(origin, digest)).root) == ["a"]


async def test_blobs_may_lie_on_another_server(stack: AsyncExitStack, tmp_path: Path, registry: Registry) -> None:
    registry.faults.username, registry.faults.password = "reader", "a-password"
    digest = registry.push_files("app", "main", {"a": "1"})
    with FileServer() as storage:
        storage.files = {f"blobs/{name}": content for name, content in registry.contents().items()}
        registry.lies.redirect_blobs = f"{storage.base()}/blobs"
        sources = await opened(stack, tmp_path, oci_access(registry.url("app"), "reader", "a-password"))
        origin = registry.url("app")
        await sources.commit(origin, "main")
        assert files_of((await sources.snapshot(origin, digest)).root) == ["a"]
        assert [request.authorization for request in storage.seen] == [""]


async def test_many_who_ask_at_once_fetch_once(stack: AsyncExitStack, tmp_path: Path, registry: Registry) -> None:
    requests = Requests()
    digest = registry.push_files("app", "main", {"a": "1"})
    sources = await opened(stack, tmp_path, on_request=requests)

    async def read() -> None:
        assert files_of((await sources.snapshot(registry.url("app"), digest)).root) == ["a"]

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(read)
    assert [each.kind for each in requests.made] == ["pull"]


async def test_what_is_no_repository_of_a_registry_is_refused_before_any_request(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    sources = await opened(stack, tmp_path)
    for url in (
        "oci://", "oci://host", "oci://host/UPPER", "oci://u:p@host/app", "oci://host/app?x=1", "oci://host/a/../b",
        "oci://host/app:tag", "oci://ho st/app", "oci://-host/app", "oci://host/app;id", "oci://host:99999/app",
    ):  # fmt: skip
        assert "not the URL" in str(await failure(sources.commit(url, "main"))), url


async def test_revisions_that_no_tag_can_have_are_refused(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.push_files("app", "main", {"a": "1"})
    sources = await opened(stack, tmp_path)
    for revision in ("../../x", "-main", "a b", "main\n", "x" * 300, "sha256:abc", "a@b"):
        assert not (await failure(sources.commit(registry.url("app"), revision))).retryable, revision
    assert not any(".." in request.path for request in registry.seen)


async def test_without_any_version_the_tag_latest_is_the_newest(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    digest = registry.push_files("app", "latest", {"a": "1"})
    registry.push_files("app", "main", {"a": "2"})
    sources = await opened(stack, tmp_path)
    assert await sources.commit(registry.url("app"), "HEAD") == digest


async def test_what_nobody_asked_for_since_the_last_look_up_is_not_looked_up_again(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    for tag in ("one", "two"):
        registry.push_files("app", tag, {"a": tag})
    sources = await opened(stack, tmp_path)
    origin = registry.url("app")
    for tag in ("one", "two"):
        await sources.commit(origin, tag)
    await sources.refs(origin, fresh=True)
    await sources.commit(origin, "two")
    registry.seen.clear()
    assert set((await sources.refs(origin, fresh=True)).commits) == {"refs/tags/two"}
    assert not any("/one" in request.path for request in registry.seen)


async def test_a_range_that_no_tag_fits_is_told_from_a_repository_without_tags(
    stack: AsyncExitStack, tmp_path: Path, registry: Registry
) -> None:
    registry.push_files("team/app", "main", {"a.yaml": "a: 1\n"})
    registry.push_files("team/bare", "main", {"a.yaml": "a: 1\n"})
    registry.untag("team/bare", "main")
    sources = await opened(stack, tmp_path)

    assert 'none of its tags (1) fits "^3"' in str(await failure(sources.commit(registry.url("team/app"), "^3")))
    assert "the repository has no tags" in str(await failure(sources.commit(registry.url("team/bare"), "^3")))
