"""Commits as folders, and what reads of them depend on."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import SourceError
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.names import BadNameError, safe_join, tree_name_problem
from gitopsd.testing.gitserver import EXECUTABLE, LINK, Entry, GitRepo


async def _snapshot(sources: GitSources, repo: GitRepo, revision: str = "main") -> Path:
    await sources.refs(repo.url, fresh=True)
    return Path((await sources.snapshot(repo.url, await sources.commit(repo.url, revision))).root)


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


async def test_a_snapshot_holds_the_commit_and_cannot_be_written(sources: GitSources, repo: GitRepo) -> None:
    repo.commit({"bin/run": Entry("#!/bin/sh\n", EXECUTABLE), "raw": b"\xff\0\r\n", "here": Entry("app/a.yaml", LINK)})

    root = await _snapshot(sources, repo)

    assert _files(root) == {
        "app/a.yaml": b"a: 1\n",
        "bin/run": b"#!/bin/sh\n",
        "here": b"a: 1\n",
        "raw": b"\xff\0\r\n",
    }
    assert os.readlink(root / "here") == "app/a.yaml"
    assert stat.S_IMODE((root / "bin/run").stat().st_mode) == 0o555
    assert stat.S_IMODE((root / "raw").stat().st_mode) == 0o444
    assert root.name == repo.git("rev-parse", "main")


async def test_the_next_snapshot_shares_what_did_not_change(sources: GitSources, repo: GitRepo) -> None:
    repo.commit({"same/deep/x.yaml": "x", "app/b.yaml": "b", "tool": "t", "gone": "g", "was-file": "1", "link": "f"})
    before = await _snapshot(sources, repo)
    repo.commit(
        {
            "app/b.yaml": "changed",
            "tool": Entry("t", EXECUTABLE),
            "gone": None,
            "was-file": None,
            "was-file/inner": "2",
            "link": Entry("tool", LINK),
        }
    )

    after = await _snapshot(sources, repo)

    assert _files(after) == {
        "app/a.yaml": b"a: 1\n",
        "app/b.yaml": b"changed",
        "link": b"t",
        "same/deep/x.yaml": b"x",
        "tool": b"t",
        "was-file/inner": b"2",
    }
    assert (after / "same/deep/x.yaml").stat().st_ino == (before / "same/deep/x.yaml").stat().st_ino
    assert (after / "app/a.yaml").stat().st_ino == (before / "app/a.yaml").stat().st_ino
    assert (after / "tool").stat().st_mode & 0o111
    assert not (before / "tool").stat().st_mode & 0o111
    assert (before / "app/b.yaml").read_text() == "b"


async def test_two_who_want_one_snapshot_get_the_same(sources: GitSources, repo: GitRepo) -> None:
    commit = await sources.commit(repo.url, "main")
    roots: list[str] = []

    async def want() -> None:
        roots.append((await sources.snapshot(repo.url, commit)).root)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(want)
    assert len(roots) == 10
    assert len(set(roots)) == 1


async def test_a_snapshot_whose_base_was_removed_is_written_whole(sources: GitSources, repo: GitRepo) -> None:
    shutil.rmtree(await _snapshot(sources, repo))
    repo.commit({"app/b.yaml": "b"})
    assert _files(await _snapshot(sources, repo)) == {"app/a.yaml": b"a: 1\n", "app/b.yaml": b"b"}


async def test_a_snapshot_that_somebody_removed_is_made_again(sources: GitSources, repo: GitRepo) -> None:
    shutil.rmtree(await _snapshot(sources, repo))
    assert _files(await _snapshot(sources, repo)) == {"app/a.yaml": b"a: 1\n"}


async def test_an_empty_commit_is_an_empty_folder(sources: GitSources, repo: GitRepo) -> None:
    repo.commit({"app/a.yaml": None})
    assert os.listdir(await _snapshot(sources, repo)) == []


async def test_keep_removes_what_nobody_wants(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, empty: GitRepo
) -> None:
    empty.commit({"x": "1"})
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    first = await _snapshot(sources, repo)
    other = await _snapshot(sources, empty)
    repo.commit({"app/b.yaml": "b"})
    second = await _snapshot(sources, repo)

    await sources.keep({repo.url: frozenset({second.name})})

    assert not first.exists()
    assert not other.exists()
    assert _files(second) == {"app/a.yaml": b"a: 1\n", "app/b.yaml": b"b"}
    assert [path.suffix for path in (tmp_path / "mirrors").iterdir()].count("") == 1
    assert (await _snapshot(sources, empty)).exists()


async def test_keep_knows_snapshots_of_an_earlier_run(tmp_path: Path, repo: GitRepo, empty: GitRepo) -> None:
    empty.commit({"x": "1"})
    async with GitSources(folder=tmp_path) as sources:
        first = await _snapshot(sources, repo)
        repo.commit({"app/b.yaml": "b"})
        second = await _snapshot(sources, repo)
        other = await _snapshot(sources, empty)
    async with GitSources(folder=tmp_path) as sources:
        await sources.keep({repo.url: frozenset({second.name})})
        assert not first.exists()
        assert second.exists()
        assert not other.exists()


async def test_keep_takes_all_away_before_it_deletes_the_first_one(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    roots = [await _snapshot(sources, repo)]
    repo.commit({"app/a.yaml": "a: 2\n"})
    roots.append(await _snapshot(sources, repo))
    left: list[list[bool]] = []
    delete = shutil.rmtree

    def looked(path: str, *, ignore_errors: bool) -> None:
        if f"{os.sep}trash{os.sep}" in path:  # and not the folder of a worker that just ended
            left.append([root.exists() for root in roots])
        delete(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", looked)
    await sources.keep({repo.url: frozenset()})

    assert left[0] == [False, False]
    assert not any(root.exists() for root in roots)
    assert await _snapshot(sources, repo) == roots[1]


async def test_keep_leaves_alone_what_is_being_made(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    sources = await stack.enter_async_context(GitSources(folder=tmp_path))
    commit = await sources.commit(repo.url, "main")
    roots: list[str] = []

    async def make() -> None:
        roots.append((await sources.snapshot(repo.url, commit)).root)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(make)
        await anyio.lowlevel.checkpoint()
        await sources.keep({repo.url: frozenset()})
    assert _files(Path(roots[0])) == {"app/a.yaml": b"a: 1\n"}


async def test_what_a_killed_process_left_behind_is_swept_up(tmp_path: Path) -> None:
    for name in ("making/7/a", "trash/3/b", "workers/worker-x/.ssh"):
        (tmp_path / name).mkdir(parents=True)
    async with GitSources(folder=tmp_path):
        assert list((tmp_path / "making").iterdir()) == []
        assert list((tmp_path / "trash").iterdir()) == []
        assert not (tmp_path / "workers/worker-x").exists()


async def test_nothing_blocks_the_loop(tmp_path: Path, repo: GitRepo, nothing_blocks: None) -> None:
    async with GitSources(folder=tmp_path) as sources:
        await sources.refs(repo.url, fresh=True)
        commit = await sources.commit(repo.url, "main")
        await sources.snapshot(repo.url, commit)
        await sources.fingerprints(repo.url, commit, [Read("app", ReadKind.DIR)])
        await sources.keep({})


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ({"x.yaml": "/proc/self/environ", "d": "../.."}, ["x.yaml", "d"]),
        ({"a/b": "../../etc"}, ["a/b"]),
        ({"s": ".", "t": "s/../x"}, ["t"]),
        ({"deep/er/p": "../..", "q": "deep/er/p/../etc"}, ["q"]),
        ({"one": "two", "two": "../three"}, ["one", "two"]),
        ({"l1": "l2", "l2": "l1"}, ["l1", "l2"]),
    ],
)
async def test_P3_links_that_leave_the_repository_are_refused_and_all_named(
    links: dict[str, str], named: Sequence[str], sources: GitSources, repo: GitRepo
) -> None:
    repo.commit({path: Entry(target, LINK) for path, target in links.items()})
    with pytest.raises(SourceError) as caught:
        await _snapshot(sources, repo)
    for path in named:
        assert f"'{path}'" in caught.value.why
    assert caught.value.why.count("(a link to") == len(named)


async def test_P3_links_inside_are_allowed_also_upwards_and_to_nothing(sources: GitSources, repo: GitRepo) -> None:
    repo.commit(
        {"a/b/up": Entry("../../app/a.yaml", LINK), "nowhere": Entry("missing/x", LINK), "dir": Entry("app", LINK)}
    )
    root = await _snapshot(sources, repo)
    assert (root / "a/b/up").read_text() == "a: 1\n"
    assert (root / "dir/a.yaml").read_text() == "a: 1\n"


async def test_P3_a_link_that_begins_to_leave_through_an_unchanged_folder_is_refused(
    sources: GitSources, repo: GitRepo
) -> None:
    repo.commit({"kept/link": Entry("../hop/x", LINK), "hop/x": "here"})
    await _snapshot(sources, repo)
    repo.commit({"hop/x": None, "hop": Entry("..", LINK)})
    with pytest.raises(SourceError, match="refused") as caught:
        await _snapshot(sources, repo)
    assert "'hop'" in caught.value.why
    assert "'kept/link'" in caught.value.why


@pytest.mark.parametrize(
    "name",
    [
        b".git",
        b".GIT",
        b".Git ",
        b".git.",
        b"git~1",
        b"GIT~1",
        ".g\u200cit".encode(),
        b".git::$INDEX_ALLOCATION",
        b"a\r",
        b"a\nb",
    ],
)
async def test_G7_a_tree_that_would_write_into_gits_folder_is_refused(
    name: bytes, sources: GitSources, empty: GitRepo
) -> None:
    empty.commit_tree([("100644", b"ok.yaml", b"a: 1"), ("100644", name, b"x")])
    with pytest.raises(SourceError, match="refused"):
        await _snapshot(sources, empty)


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/b", b"../evil", b"a/../../evil"])
async def test_P10_hostile_tree_entries_write_nothing(name: bytes, sources: GitSources, empty: GitRepo) -> None:
    empty.commit_tree([("100644", b"ok.yaml", b"a: 1"), ("100644", name, b"x")])
    with pytest.raises(SourceError):
        await _snapshot(sources, empty)


@pytest.mark.parametrize(
    "entries",
    [
        [("120000", b"d", b"/tmp"), ("100644", b"d", b"x")],
        [("100644", b"same", b"1"), ("100644", b"same", b"2")],
        [("100777", b"odd", b"1")],
        [("010644", b"fifo", b"1")],
    ],
)
async def test_P10_the_same_name_twice_and_odd_modes_are_refused(
    entries: list[tuple[str, bytes, bytes]], sources: GitSources, empty: GitRepo
) -> None:
    empty.commit_tree(entries)
    with pytest.raises(SourceError, match="refused"):
        await _snapshot(sources, empty)


async def test_G7_nothing_that_the_repository_configures_is_run(
    tmp_path: Path, sources: GitSources, repo: GitRepo
) -> None:
    proof = tmp_path / "ran"
    repo.commit({".gitattributes": "* filter=evil diff=evil\n", ".lfsconfig": "[lfs]\n"})
    for key in ("core.fsmonitor", "filter.evil.smudge", "filter.evil.clean", "core.sshCommand", "core.hooksPath"):
        repo.git("config", key, f"touch {proof}")
    root = await _snapshot(sources, repo)
    assert (root / "app/a.yaml").read_text() == "a: 1\n"
    assert not proof.exists()


@pytest.mark.parametrize(
    "name", ["../../evil", "a/../../evil", "C:\\evil", "C:evil", "a\0b", "", ".", "..", "a/b", "a\\b", "x" * 256]
)
def test_P8_names_from_outside_are_never_more_than_one_part(name: str) -> None:
    with pytest.raises(BadNameError):
        safe_join("/root", name)


def test_P8_plain_names_are_joined() -> None:
    assert safe_join("/srv/", "a", "b.yaml") == "/srv/a/b.yaml"


def test_P8_no_other_join_of_paths_in_the_room() -> None:
    import gitopsd.sources  # noqa: PLC0415 - only its folder is of interest

    for path in Path(gitopsd.sources.__path__[0]).rglob("*.py"):
        text = path.read_text()
        for word in ("path.join", "joinpath(", ") / ", "folder / ", "root / ", "home / "):
            assert word not in text, f"{path.name}: {word}"


@pytest.mark.parametrize(
    "name", ["a", ".gitignore", ".github", "git", "x.git", "system\\x2d.slice", "é", "git~", "..."]
)
def test_G7_ordinary_names_are_allowed(name: str) -> None:
    assert tree_name_problem(name.encode()) == ""


async def test_too_many_and_too_large_files_are_refused(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    limits = GitLimits(snapshot_files=3, snapshot_bytes=1000)
    sources = await stack.enter_async_context(GitSources(folder=tmp_path, limits=limits))
    repo.commit({"large": "x" * 2000})
    with pytest.raises(SourceError, match="limits"):
        await _snapshot(sources, repo)
    repo.commit({"large": None, **{f"f{index}": "1" for index in range(5)}})
    with pytest.raises(SourceError, match="limits") as caught:
        await _snapshot(sources, repo)
    assert "3 files" in caught.value.why
    assert list((tmp_path / "making").iterdir()) == []


_DISK_FULL = """
import os, runpy, sys
def full(*_, **__):
    if os.path.exists({flag!r}):
        raise OSError({number}, "full")
    return real(*_, **__)
real, os.write = os.write, full
runpy.run_module("gitopsd.sources.worker", run_name="__main__")
"""


async def test_a_full_disk_says_so_and_leaves_nothing_half_made(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo
) -> None:
    flag = tmp_path / "full"
    flag.touch()
    script = _DISK_FULL.format(flag=str(flag), number=errno.ENOSPC)
    state = tmp_path / "state"
    sources = await stack.enter_async_context(GitSources(folder=state, worker_command=[sys.executable, "-c", script]))
    with pytest.raises(SourceError, match="cannot be written") as caught:
        await _snapshot(sources, repo)
    assert "No space left" in caught.value.why
    assert list((state / "making").iterdir()) == []
    assert [list(folder.iterdir()) for folder in (state / "snapshots").iterdir()] == [[]]

    flag.unlink()
    assert _files(await _snapshot(sources, repo)) == {"app/a.yaml": b"a: 1\n"}


READS = [
    Read("app/a.yaml", ReadKind.FILE),
    Read("app", ReadKind.DIR),
    Read("app/none.yaml", ReadKind.MISSING),
    Read("", ReadKind.DIR),
    Read("link/a.yaml", ReadKind.FILE),
]


async def _prints(sources: GitSources, repo: GitRepo) -> Sequence[str]:
    await sources.refs(repo.url, fresh=True)
    return await sources.fingerprints(repo.url, await sources.commit(repo.url, "main"), READS)


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"app/sub/x.yaml": "x"}, {1}),
        ({"elsewhere/x": "x"}, {3}),
        ({"app/a.yaml": "a: 2\n"}, {0, 4}),
        ({"app/a.yaml": Entry("a: 1\n", EXECUTABLE)}, {0, 4}),
        ({"app/a.yaml": None}, {0, 1, 3, 4}),
        ({"app/none.yaml": "now"}, {1, 2}),
        ({"link": None, "link/a.yaml": "a: 1\n"}, {3, 4}),
        ({"app/sub/deep": "y", "app/a.yaml": "a: 3\n"}, {0, 1, 4}),
    ],
)
async def test_a_fingerprint_changes_exactly_when_its_read_would(
    change: dict[str, str | Entry | None], changed: set[int], sources: GitSources, repo: GitRepo
) -> None:
    repo.commit({"link": Entry("app", LINK), "other": "o"})
    before = await _prints(sources, repo)
    repo.commit(change)
    after = await _prints(sources, repo)
    assert {index for index in range(len(READS)) if before[index] != after[index]} == changed


async def test_a_folder_of_changed_files_keeps_its_fingerprint(sources: GitSources, repo: GitRepo) -> None:
    repo.commit({"app/sub/x": "1"})
    before = await _prints(sources, repo)
    repo.commit({"app/sub/x": "2"})
    after = await _prints(sources, repo)
    assert before[1] == after[1]


async def test_a_path_that_leaves_the_repository_is_missing(sources: GitSources, repo: GitRepo) -> None:
    commit = await sources.commit(repo.url, "main")
    reads = [Read("../etc/passwd", ReadKind.FILE), Read("/etc/passwd", ReadKind.FILE), Read("app/../app", ReadKind.DIR)]
    outside, absolute, inside = await sources.fingerprints(repo.url, commit, reads)
    assert (outside, absolute) == ("", "")
    assert inside
