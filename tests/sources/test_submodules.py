"""Submodules: repositories in repositories, each with the access of its own URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.errors import SourceError
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.submodules import check_reach, submodule_url
from gitopsd.sources.wire import Failure
from gitopsd.sources.worker.modules import declared
from gitopsd.testing.gitserver import LINK, Entry, GitRepo, GitServer
from tests.sources.watching import names, until

Repos = Callable[[], GitRepo]


@pytest.fixture
def new(served: Path) -> Repos:
    """Makes a repository with one file."""

    def make() -> GitRepo:
        made = GitRepo(served / f"module{len(list(served.iterdir()))}.git")
        made.commit({"lib.yaml": "l: 1\n"})
        return made

    return make


def _gitmodules(*modules: tuple[str, str]) -> str:
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in modules)


def _pin(repo: GitRepo, text: str, *pins: tuple[str, str]) -> str:
    """Commit a `.gitmodules` and gitlinks at paths to commits."""
    stream = "commit refs/heads/main\ncommitter t <t@example.org> 1767225600 +0000\ndata 1\nm\n"
    if "main" in repo.git("branch"):
        stream += "from refs/heads/main^0\n"
    stream += f"M 100644 inline .gitmodules\ndata {len(text.encode())}\n{text}\n"
    stream += "".join(f"M 160000 {commit} {path}\n" for path, commit in pins)
    repo.git("fast-import", "--quiet", "--force", stdin=stream.encode())
    return repo.git("rev-parse", "main")


def _with(*repos: GitRepo) -> list[RepositoryAccess]:
    return [RepositoryAccess(repo.url, submodules=True) for repo in repos]


async def _root(sources: GitSources, url: str) -> Path:
    await sources.refs(url, fresh=True)
    return Path((await sources.snapshot(url, await sources.commit(url, "main"))).root)


async def test_off_by_default_a_submodule_is_an_empty_folder(sources: GitSources, repo: GitRepo, new: Repos) -> None:
    module = new()
    _pin(repo, _gitmodules(("mods/lib", module.url)), ("mods/lib", module.git("rev-parse", "main")))
    assert names(await _root(sources, repo.url) / "mods/lib") == []


async def test_submodules_are_mounted_also_in_each_other_and_by_relative_urls(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos, server: GitServer
) -> None:
    inner, outer = new(), new()
    pinned = inner.git("rev-parse", "main")
    inner.commit({"lib.yaml": "l: later\n"})
    head = _pin(outer, _gitmodules(("deep", f"./../{inner.path.name}")), ("deep", pinned))
    _pin(repo, _gitmodules(("mods/lib", f"../{outer.path.name}")), ("mods/lib", head))
    url = server.url(repo.path.name)
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, repositories=[RepositoryAccess(url, submodules=True)])
    )

    root = await _root(sources, url)

    assert (root / "mods/lib/deep/lib.yaml").read_text() == "l: 1\n"
    assert (root / "mods/lib/lib.yaml").read_text() == "l: 1\n"
    assert (root / "app/a.yaml").read_text() == "a: 1\n"


@pytest.mark.parametrize("spare_files", [0, 1000])
async def test_the_next_snapshot_follows_the_pin_and_shares_the_rest(
    spare_files: int, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    one, two = new(), new()
    pins = [("one", one.git("rev-parse", "main")), ("two", two.git("rev-parse", "main"))]
    text = _gitmodules(("one", one.url), ("two", two.url))
    _pin(repo, text, *pins)
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, repositories=_with(repo, one, two), limits=GitLimits(spare_files=spare_files))
    )
    first = await _root(sources, repo.url)
    if not spare_files:
        await until(lambda: len(list(tmp_path.glob("spares/*/*.s"))) >= 1)
    later = one.commit({"lib.yaml": "l: 2\n"})
    _pin(repo, text, ("one", later))

    second = await _root(sources, repo.url)

    assert (second / "one/lib.yaml").read_text() == "l: 2\n"
    assert (first / "one/lib.yaml").read_text() == "l: 1\n"
    assert (second / "two/lib.yaml").stat().st_ino == (first / "two/lib.yaml").stat().st_ino


async def test_fingerprints_and_changes_cover_what_is_in_a_submodule(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    module = new()
    text = _gitmodules(("mods/lib", module.url))
    before = _pin(repo, text, ("mods/lib", module.git("rev-parse", "main")))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo, module)))
    reads = [Read("mods/lib/lib.yaml", ReadKind.FILE), Read("mods/lib", ReadKind.DIR), Read("app", ReadKind.DIR)]
    await sources.refs(repo.url, fresh=True)
    old = await sources.fingerprints(repo.url, before, reads)
    after = _pin(repo, text, ("mods/lib", module.commit({"lib.yaml": "l: 2\n"})))
    await sources.refs(repo.url, fresh=True)
    new_ones = await sources.fingerprints(repo.url, after, reads)
    assert [first != second for first, second in zip(old, new_ones, strict=True)] == [True, True, False]
    assert all(old)
    assert await sources.changes(repo.url, before, after) is None


async def test_keep_leaves_the_mirrors_of_submodules(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    module = new()
    _pin(repo, _gitmodules(("lib", module.url)), ("lib", module.git("rev-parse", "main")))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo, module)))
    root = await _root(sources, repo.url)
    await sources.keep({repo.url: frozenset({root.name[:40]})})
    assert root.exists()
    assert len([name for name in names(tmp_path / "mirrors") if not name.endswith(".json")]) == 2
    await sources.keep({})
    assert names(tmp_path / "mirrors") == []


async def test_S15_a_submodule_never_gets_the_credentials_of_the_repository_that_names_it(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos, server: GitServer
) -> None:
    module = new()
    server.faults.username, server.faults.password = "user", "CANARY"
    url = server.url(repo.path.name)
    with GitServer(server.root) as other:
        theirs = other.url(module.path.name)
        _pin(repo, _gitmodules(("lib", theirs)), ("lib", module.git("rev-parse", "main")))
        mine = RepositoryAccess(url, username="user", password=Secret("CANARY"), submodules=True)
        sources = await stack.enter_async_context(
            GitSources(folder=tmp_path, repositories=[mine, RepositoryAccess(theirs)])
        )
        assert (await _root(sources, url) / "lib/lib.yaml").exists()
        assert other.seen
        assert not any(request.authorization for request in other.seen)

        other.faults.username, other.faults.password = "other", "word"
        module.commit({"x": "1"})
        _pin(repo, _gitmodules(("lib", theirs)), ("lib", module.git("rev-parse", "main")))
        with pytest.raises(SourceError, match="authentication failed") as caught:
            await _root(sources, url)
        assert caught.value.where == theirs
        right = RepositoryAccess(theirs, username="other", password=Secret("word"))
        sources.reconfigure([mine, right])
        assert (await _root(sources, url) / "lib/x").exists()


async def test_a_submodule_of_another_project_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    module = new()
    _pin(repo, _gitmodules(("lib", module.url)), ("lib", module.git("rev-parse", "main")))
    mine, theirs = _with(repo, module)
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path, repositories=[mine, replace(theirs, project="secret")])
    )
    with pytest.raises(SourceError, match="for others"):
        await _root(sources, repo.url)
    sources.reconfigure([replace(mine, project="secret"), replace(theirs, project="secret")])
    assert (await _root(sources, repo.url) / "lib/lib.yaml").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[submodule "a"]\npath = ../../x\nurl = https://h.example/x\n', "dot folder"),
        ('[submodule "../../hooks"]\npath = lib\nurl = https://h.example/x\n', "no plain one"),
        ('[submodule "a"]\npath = .git/hooks\nurl = https://h.example/x\n', "git's own folder"),
        ('[submodule "a"]\npath = -x\nurl = https://h.example/x\n', "begins with '-'"),
        ('[submodule "a"]\npath = "a\\nb"\nurl = https://h.example/x\n', "control character"),
        ('[submodule "a"]\npath = lib\nurl = "https://h.example/x\';id\'"\n', "URL is none"),
        ('[submodule "a"]\npath = lib\nurl = ext::sh -c id\n', "URL is none"),
        ('[submodule "a"]\npath = lib\nurl = --upload-pack=x\n', "URL is none"),
        ('[submodule "a"]\npath = lib\nurl = ../../../../../../../../../../../../x\n', "leaves the host"),
        ('[submodule "a"]\npath = lib\nurl = ../x/../../y\n', "leaves the host"),
        ("[submodule\npath = lib\n", "cannot be read"),
    ],
)
async def test_G6_names_paths_and_urls_that_leave_are_refused(
    text: str, why: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    _pin(repo, text, ("lib", "1" * 40))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo)))
    with pytest.raises(SourceError, match="refused") as caught:
        await _root(sources, repo.url)
    assert why in caught.value.why


async def test_G6_a_submodule_without_a_url_is_named(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    _pin(repo, "", ("mods/lib", "1" * 40))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo)))
    with pytest.raises(SourceError, match="refused") as caught:
        await _root(sources, repo.url)
    assert "'mods/lib' is a submodule that .gitmodules does not tell of" in caught.value.why


async def test_G6_submodules_in_each_other_and_many_meet_their_limits(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    chain = [new() for _ in range(4)]
    commit = chain[-1].git("rev-parse", "main")
    for module, inside in zip(reversed(chain[:-1]), reversed(chain[1:]), strict=True):
        commit = _pin(module, _gitmodules(("in", inside.url)), ("in", commit))
    _pin(repo, _gitmodules(("in", chain[0].url)), ("in", commit))
    sources = await stack.enter_async_context(
        GitSources(folder=tmp_path / "a", repositories=_with(repo, *chain), limits=GitLimits(submodule_depth=3))
    )
    with pytest.raises(SourceError, match="limits") as caught:
        await _root(sources, repo.url)
    assert "3 deep" in caught.value.why

    few = await stack.enter_async_context(
        GitSources(folder=tmp_path / "b", repositories=_with(repo, *chain), limits=GitLimits(submodules=2))
    )
    with pytest.raises(SourceError, match="limits") as caught:
        await _root(few, repo.url)
    assert "more than 2 submodules" in caught.value.why


async def test_P3_a_link_that_leaves_through_a_link_of_a_submodule_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    module = new()
    commit = module.commit({"here": Entry(".", LINK)})
    _pin(repo, _gitmodules(("lib", module.url)), ("lib", commit))
    repo.commit({"out": Entry("lib/here/../../etc", LINK)})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo, module)))
    with pytest.raises(SourceError, match="refused") as caught:
        await _root(sources, repo.url)
    assert "'out'" in caught.value.why


async def test_a_submodule_that_cannot_be_reached_is_named_and_works_when_it_comes(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos, served: Path
) -> None:
    module = new()
    _pin(repo, _gitmodules(("lib", module.url)), ("lib", module.git("rev-parse", "main")))
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, repositories=_with(repo, module)))
    away = module.path.rename(served / "away.git")
    with pytest.raises(SourceError, match="repository not found") as caught:
        await _root(sources, repo.url)
    assert caught.value.where == module.url
    away.rename(module.path)
    assert (await _root(sources, repo.url) / "lib/lib.yaml").exists()


@pytest.mark.parametrize(
    ("written", "parent", "expected"),
    [
        ("../lib.git", "https://h.example/org/app.git", "https://h.example/org/lib.git"),
        ("../../other/lib", "https://h.example:8443/org/app/", "https://h.example:8443/other/lib"),
        ("./sub.git", "https://h.example/org/app", "https://h.example/org/app/sub.git"),
        ("../lib", "git@h.example:org/app.git", "git@h.example:org/lib"),
        ("../lib", "ssh://git@h.example/org/app.git", "ssh://git@h.example/org/lib"),
        ("https://o.example/x", "https://h.example/org/app", "https://o.example/x"),
    ],
)
def test_relative_urls_are_those_of_git(written: str, parent: str, expected: str) -> None:
    assert submodule_url(written, parent) == expected


@pytest.mark.parametrize("written", ["../../../x", "..//..//x/..", "../../..", "ssh://-oProxyCommand=x/y", "s3::x"])
def test_G6_urls_that_leave_the_host_or_are_none(written: str) -> None:
    with pytest.raises(Failure):
        submodule_url(written, "https://h.example/org/app")


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/x", "https://169.254.169.254/latest", "https://127.0.0.1/x", "https://localhost/x"),
        *("https://[::1]/x", "https://[fe80::1]/x", "https://0.0.0.0/x", "file:///etc/x", "http://h.example/x"),
        "ssh://git@127.0.0.1/x",
    ],
)
async def test_E9_urls_from_content_never_reach_what_only_this_machine_reaches(url: str) -> None:
    with pytest.raises(SourceError, match="refused") as caught:
        await check_reach(url, "https://h.example/org/app")
    assert "repositories" in caught.value.hint


@given(st.text(alphabet='[]submodule "\\=\npathurl./-#;\t', max_size=120) | st.binary(max_size=200))
def test_Z2_no_gitmodules_at_all_breaks_the_reader(text: str | bytes) -> None:
    try:
        found = declared(text.encode() if isinstance(text, str) else text)
    except Failure:
        return
    assert all(".." not in path.split("/") and not path.startswith(("/", "-")) for path in found)


def test_a_gitmodules_file_is_read_as_git_reads_it() -> None:
    text = (
        '# a comment\n[core]\n\tx = "y"\n[submodule "one"]\n\tpath = a/b ; behind\n\turl="https://h.example/x#y"\n'
        '[submodule "two \\"q\\""] path = c\\\nd\n  URL = https://h.example/z  \n  update = !touch x\n\tshallow\n'
    )
    assert declared(text.encode()) == {"a/b": "https://h.example/x#y", "cd": "https://h.example/z"}


async def test_E9_the_repositorys_own_host_is_allowed() -> None:
    await check_reach("http://127.0.0.1:8080/other", "http://127.0.0.1:8080/app")


async def test_the_form_of_a_repositorys_folders_follows_its_settings(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "forms"))
    forms = [sources.form(repo.url)]
    for submodules, lfs in ((True, False), (False, True), (True, True), (False, False)):
        sources.reconfigure([RepositoryAccess(repo.url, submodules=submodules, enable_lfs=lfs)])
        forms.append(sources.form(repo.url))
    assert len(set(forms)) == 4
    assert forms[0] == forms[-1] == ""


async def test_a_submodules_folder_reads_otherwise_when_it_is_filled(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, new: Repos
) -> None:
    module = new()
    commit = _pin(repo, _gitmodules(("m", module.url)), ("m", module.git("rev-parse", "main")))
    reads = [Read("m", ReadKind.DIR), Read("m/lib.yaml", ReadKind.FILE), Read(".gitmodules", ReadKind.FILE)]
    sources = await stack.enter_async_context(GitSources(folder=tmp_path / "filled"))
    await sources.refs(repo.url, fresh=True)
    empty = await sources.fingerprints(repo.url, commit, reads)
    sources.reconfigure(_with(repo))
    filled = await sources.fingerprints(repo.url, commit, reads)
    assert [one == other for one, other in zip(empty, filled, strict=True)] == [False, False, True]
