"""What two commits differ in, held against what reads of them give."""

from __future__ import annotations

import random
from itertools import product

import pytest

from gitopsd.core.manifest import Read, ReadKind
from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import LINK, Entry, GitRepo

NAMES = ("a", "b", "c.yaml")
PATHS = (".", *("/".join(parts) for depth in (1, 2, 3) for parts in product(NAMES, repeat=depth)))


async def _commit(sources: GitSources, repo: GitRepo, files: dict[str, str | bytes | Entry | None]) -> str:
    repo.commit(files, new=True)
    await sources.refs(repo.url, fresh=True)
    return await sources.commit(repo.url, "main")


def _tree(chance: random.Random) -> dict[str, str | bytes | Entry | None]:
    """Files at random places; none of them stands where another one needs a folder."""
    found: dict[str, str | bytes | Entry | None] = {"kept": "1"}
    for path in chance.sample(PATHS[1:], 8):
        if not any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in found):
            found[path] = chance.choice(("1", "2"))
    return found


@pytest.mark.parametrize("seed", range(12))
async def test_what_is_not_named_gives_the_same_at_both_commits(sources: GitSources, repo: GitRepo, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # the same trees in every run
    before = await _commit(sources, repo, _tree(chance))
    after = await _commit(sources, repo, _tree(chance))
    changed = await sources.changes(repo.url, before, after)
    assert changed is not None

    reads = [Read(path, kind) for path in PATHS for kind in ReadKind]
    old = await sources.fingerprints(repo.url, before, reads)
    new = await sources.fingerprints(repo.url, after, reads)

    assert [
        read for read, first, second in zip(reads, old, new, strict=True) if first != second if read.path not in changed
    ] == []


async def test_only_what_differs_is_named(sources: GitSources, repo: GitRepo) -> None:
    before = await _commit(sources, repo, {"a/x": "1", "a/y": "1", "b/z": "1", "d/old": "1"})
    after = await _commit(sources, repo, {"a/x": "2", "a/y": "1", "b/z": "1", "n/new": "1"})
    assert await sources.changes(repo.url, before, after) == frozenset({".", "a/x", "d", "d/old", "n", "n/new"})
    assert await sources.changes(repo.url, after, after) == frozenset()


async def test_links_and_lost_commits_cannot_be_told_by_paths(sources: GitSources, repo: GitRepo) -> None:
    before = await _commit(sources, repo, {"a/x": "1", "here": Entry("a/x", LINK)})
    after = await _commit(sources, repo, {"a/x": "1", "here": Entry("a/y", LINK)})
    assert await sources.changes(repo.url, before, after) is None
    assert await sources.changes(repo.url, "0" * 40, after) is None
