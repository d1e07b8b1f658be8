"""Looking up refs, and turning target revisions into commits."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import SourceError
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitRequest
from gitopsd.testing.gitserver import GitRepo, GitServer


@pytest.mark.parametrize("over", ["file", "http"])
async def test_every_kind_of_name_becomes_its_commit(
    over: str, sources: GitSources, repo: GitRepo, server: GitServer
) -> None:
    url = repo.url if over == "file" else server.url(repo.path.name)
    first = repo.git("rev-parse", "main")
    second = repo.commit({"app/b.yaml": "b"}, branch="main")
    dev = repo.commit({"app/c.yaml": "c"}, branch="team/dev", new=True)
    repo.git("tag", "light", first)
    repo.git("tag", "-a", "-m", "annotated", "v1.0.0", first)
    repo.git("update-ref", "refs/pull/1/head", dev)

    refs = await sources.refs(url, fresh=True)

    assert refs.commits["refs/tags/v1.0.0"] == first
    assert refs.commits["HEAD"] == second
    for revision, commit in {
        "": second,
        "HEAD": second,
        "main": second,
        "refs/heads/main": second,
        "team/dev": dev,
        "light": first,
        "v1.0.0": first,
        "refs/tags/v1.0.0": first,
        "refs/pull/1/head": dev,
        first: first,
        first.upper(): first,
        first[:7]: first,
        second[:12]: second,
    }.items():
        assert await sources.commit(url, revision) == commit, revision


@pytest.mark.parametrize("revision", ["mian", "refs/heads/none", "0" * 40, "abcdef1", "HEAD~1"])
async def test_an_unknown_revision_is_named_with_the_nearest_names(
    revision: str, sources: GitSources, repo: GitRepo
) -> None:
    with pytest.raises(SourceError) as caught:
        await sources.commit(repo.url, revision)
    assert f"{revision} is not a branch, tag or commit of {repo.url}" in caught.value.what
    assert "main" in caught.value.hint


@pytest.mark.parametrize("revision", [":/((a+)+)$", "HEAD^{/x}", "@{-1}", "main~999999999", "--output=x", "a\n"])
async def test_G5_a_revision_expression_is_no_branch_tag_or_commit(
    revision: str, sources: GitSources, repo: GitRepo
) -> None:
    with pytest.raises(SourceError, match="is not a branch, tag or commit"):
        await sources.commit(repo.url, revision)


def test_G5_nothing_in_the_room_calls_revparse() -> None:
    import gitopsd.sources  # noqa: PLC0415 - only its folder is of interest

    room = Path(gitopsd.sources.__path__[0])
    for path in room.rglob("*.py"):
        text = path.read_text()
        for word in ("revparse", "resolve_refish", "lookup_reference_dwim", "index.add", "checkout("):
            assert word not in text, f"{path.name}: {word}"


async def test_the_id_of_a_tree_is_no_commit(sources: GitSources, repo: GitRepo) -> None:
    await sources.commit(repo.url, "main")
    with pytest.raises(SourceError, match="is not a commit's") as caught:
        await sources.commit(repo.url, repo.git("rev-parse", "main^{tree}"))
    assert "tree" in caught.value.why


async def test_a_forced_push_and_a_moved_tag_are_followed(sources: GitSources, repo: GitRepo) -> None:
    old = repo.git("rev-parse", "main")
    repo.git("tag", "stable", old)
    await sources.refs(repo.url, fresh=True)
    assert await sources.commit(repo.url, "stable") == old
    forced = repo.commit({"other.yaml": "x"}, new=True)
    repo.git("tag", "-f", "stable", forced)

    assert await sources.commit(repo.url, "main") == old
    await sources.refs(repo.url, fresh=True)

    assert await sources.commit(repo.url, "main") == forced
    assert await sources.commit(repo.url, "stable") == forced
    assert await sources.commit(repo.url, old) == old


async def test_a_deleted_branch_is_gone_after_the_next_look_up(sources: GitSources, repo: GitRepo) -> None:
    repo.git("branch", "feature", "main")
    await sources.refs(repo.url, fresh=True)
    await sources.commit(repo.url, "feature")
    repo.git("branch", "-D", "feature")
    await sources.refs(repo.url, fresh=True)
    with pytest.raises(SourceError, match="feature is not a branch"):
        await sources.commit(repo.url, "feature")


async def test_a_branch_that_becomes_a_folder_of_branches_is_followed(sources: GitSources, repo: GitRepo) -> None:
    repo.git("branch", "feature", "main")
    await sources.commit(repo.url, repo.commit({"z": "1"}, branch="hidden")[:8])
    repo.git("branch", "-D", "feature")
    inner = repo.commit({"y": "1"}, branch="feature/inner", new=True)
    early = repo.git("rev-parse", "main")
    await sources.refs(repo.url, fresh=True)
    assert await sources.commit(repo.url, inner[:9]) == inner
    assert await sources.commit(repo.url, early[:9]) == early


async def test_an_emptied_repository_says_so(sources: GitSources, repo: GitRepo) -> None:
    await sources.commit(repo.url, "main")
    repo.git("update-ref", "-d", "refs/heads/main")
    assert (await sources.refs(repo.url, fresh=True)).commits == {}
    with pytest.raises(SourceError) as caught:
        await sources.commit(repo.url, "main")
    assert "empty" in caught.value.hint


@pytest.mark.parametrize("over", ["file", "http"])
async def test_a_repository_without_a_commit_has_no_refs(
    over: str, sources: GitSources, empty: GitRepo, server: GitServer
) -> None:
    url = empty.url if over == "file" else server.url(empty.path.name)
    assert (await sources.refs(url, fresh=True)).commits == {}


async def test_nothing_is_asked_again_unless_fresh_and_nothing_fetched_twice(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, on_request=asked.append))
    for _ in range(3):
        await sources.refs(repo.url, fresh=False)
        await sources.commit(repo.url, "main")
    assert [(request.repo, request.kind, request.ok) for request in asked] == [
        (repo.url, "ls-remote", True),
        (repo.url, "fetch", True),
    ]
    assert all(request.seconds >= 0 for request in asked)


async def test_callers_at_the_same_time_share_one_look_up(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, on_request=asked.append))
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(lambda: sources.refs(repo.url, fresh=True))
    assert len(asked) == 1


async def test_many_who_want_one_commit_fetch_it_once(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    asked: list[GitRequest] = []
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, on_request=asked.append))
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(sources.commit, repo.url, "main")
    assert [request.kind for request in asked] == ["ls-remote", "fetch"]


async def test_what_the_last_look_up_said_survives_a_restart(tmp_path: Path, repo: GitRepo) -> None:
    async with GitSources(folder=tmp_path) as sources:
        before = await sources.refs(repo.url, fresh=True)
        commit = await sources.commit(repo.url, "main")
    shutil.rmtree(repo.path)
    async with GitSources(folder=tmp_path) as sources:
        assert (await sources.refs(repo.url, fresh=False)).same(before)
        assert await sources.commit(repo.url, "main") == commit
        assert (Path((await sources.snapshot(repo.url, commit)).root) / "app/a.yaml").read_text() == "a: 1\n"


async def test_a_missing_folder_is_not_found(sources: GitSources, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="repository not found"):
        await sources.refs((tmp_path / "nowhere").as_uri(), fresh=True)


async def test_a_wrong_password_can_be_corrected(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    server.faults.username, server.faults.password = "ci", "right-password"
    url = server.url(repo.path.name)
    wrong = RepositoryAccess(url, username="ci", password=Secret("wrong-password"))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[wrong]))
    with pytest.raises(SourceError, match="authentication failed") as caught:
        await sources.refs(url, fresh=True)
    assert "password" in caught.value.hint
    assert len(server.seen) == 1

    sources.reconfigure([RepositoryAccess(url, username="ci", password=Secret("right-password"))])
    assert await sources.commit(url, "main") == repo.git("rev-parse", "main")


async def test_a_password_in_the_url_and_a_bearer_token_work(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer, served: Path
) -> None:
    server.faults.username, server.faults.password = "ci", "secret-password"
    url = server.url(repo.path.name, user="ci:secret-password")
    with GitServer(served) as second:
        second.faults.token = "a-token"
        other = second.url(repo.path.name)
        sources = await stack.enter_async_context(
            GitSources(folder=tmp_path, repositories=[RepositoryAccess(other, bearer_token=Secret("a-token"))])
        )
        assert await sources.commit(url, "main") == repo.git("rev-parse", "main")
        assert await sources.commit(other, "main") == repo.git("rev-parse", "main")


async def test_credentials_turned_wrong_between_look_up_and_fetch_are_tried_once(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, server: GitServer
) -> None:
    url = server.url(repo.path.name)
    access = RepositoryAccess(url, username="ci", password=Secret("old-password"))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=[access]))
    await sources.refs(url, fresh=True)
    server.faults.username, server.faults.password = "ci", "new-password"
    with pytest.raises(SourceError, match="authentication failed"):
        await sources.commit(url, "main")
    assert sum("Basic" in seen.authorization for seen in server.seen) == 2


@pytest.mark.parametrize(
    ("status", "what"), [(403, "access denied"), (404, "not found"), (503, "no time"), (418, "cannot be used")]
)
async def test_a_status_says_what_to_do(status: int, what: str, sources: GitSources, server: GitServer) -> None:
    server.faults.status = status
    with pytest.raises(SourceError, match=what) as caught:
        await sources.refs(server.url("x.git"), fresh=True)
    assert caught.value.hint
    assert caught.value.retryable == (status in {503, 418})


async def test_a_page_that_is_no_repository_says_so(sources: GitSources, server: GitServer) -> None:
    server.faults.body = b"<html>"
    with pytest.raises(SourceError, match="cannot be used"):
        await sources.refs(server.url("x.git"), fresh=True)


async def test_an_unknown_host_and_a_closed_port_are_unreachable(sources: GitSources) -> None:
    for url in ("https://no-such-host.invalid/a.git", "http://127.0.0.1:1/a.git"):
        with pytest.raises(SourceError, match="cannot be reached") as caught:
            await sources.refs(url, fresh=True)
        assert caught.value.retryable


async def test_a_moved_repository_on_the_same_host_is_followed(
    sources: GitSources, repo: GitRepo, server: GitServer, served: Path
) -> None:
    old = server.url("old.git")
    (served / "old.git").unlink(missing_ok=True)
    server.faults.moved = ("/old.git", f"/{repo.path.name}")
    assert await sources.commit(old, "main") == repo.git("rev-parse", "main")


async def test_while_the_server_is_down_the_known_commits_stay(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, served: Path
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    with GitServer(served) as server:
        url = server.url(repo.path.name)
        commit = await sources.commit(url, "main")
    with pytest.raises(SourceError, match="cannot be reached"):
        await sources.refs(url, fresh=True)
    assert await sources.commit(url, "main") == commit
