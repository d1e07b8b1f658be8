"""Ranges of versions stand for tags."""

from __future__ import annotations

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import GitRepo


def _tagged(repo: GitRepo, *tags: str) -> dict[str, str]:
    """A commit of its own for each tag, in this order."""
    found = {}
    for index, tag in enumerate(tags):
        found[tag] = repo.commit({"n": str(index)})
        repo.git("tag", "-m", tag, tag, found[tag])
    return found


async def test_the_newest_tag_in_the_range_wins_not_the_latest(sources: GitSources, repo: GitRepo) -> None:
    tags = _tagged(repo, "v1.2.0", "v1.10.0", "v1.9.0", "v2.0.0-rc1", "nightly")
    expected = {
        "1.x": "v1.10.0",
        "~1.2": "v1.2.0",
        ">=1.0 <1.10": "v1.9.0",
        "^1.2.0 || >=3": "v1.10.0",
        "*": "v1.10.0",
        ">=2.0.0-0": "v2.0.0-rc1",
        "1.0.0 - 1.9.5": "v1.9.0",
        "v1.9.0": "v1.9.0",
    }
    for revision, tag in expected.items():
        assert await sources.commit(repo.url, revision) == tags[tag], revision


async def test_a_new_tag_in_the_range_is_found_after_the_next_look_up(sources: GitSources, repo: GitRepo) -> None:
    tags = _tagged(repo, "1.0.0")
    assert await sources.commit(repo.url, "1.x") == tags["1.0.0"]
    tags |= _tagged(repo, "1.1.0")
    assert await sources.commit(repo.url, "1.x") == tags["1.0.0"]
    await sources.refs(repo.url, fresh=True)
    assert await sources.commit(repo.url, "1.x") == tags["1.1.0"]
    repo.git("tag", "-d", "1.1.0")
    await sources.refs(repo.url, fresh=True)
    assert await sources.commit(repo.url, "1.x") == tags["1.0.0"]


async def test_a_tag_prefix_filters_tags_and_is_left_out_of_the_version(sources: GitSources, repo: GitRepo) -> None:
    tags = _tagged(repo, "api/1.0.0", "web/2.0.0", "api/1.4.0", "3.0.0")
    assert await sources.commit(repo.url, "*", "api/") == tags["api/1.4.0"]
    assert await sources.commit(repo.url, "1.0.0", "api/") == tags["api/1.0.0"]
    assert await sources.commit(repo.url, "api/1.0.0", "api/") == tags["api/1.0.0"]
    assert await sources.commit(repo.url, "main", "api/") == repo.git("rev-parse", "main")


async def test_branches_are_no_versions_and_a_name_comes_before_a_range(sources: GitSources, repo: GitRepo) -> None:
    tags = _tagged(repo, "1.0.0", "x")
    branch = repo.commit({"b": "1"}, branch="1.5.0", new=True)
    named = repo.commit({"c": "1"}, branch="1.x", new=True)
    assert await sources.commit(repo.url, ">=1.0") == tags["1.0.0"]
    assert await sources.commit(repo.url, "1.5.0") == branch
    assert await sources.commit(repo.url, "1.x") == named
    assert await sources.commit(repo.url, "x") == tags["x"]


async def test_a_range_without_a_tag_says_what_would_help(sources: GitSources, repo: GitRepo) -> None:
    _tagged(repo, "1.0.0-rc1", "app-2.0.0")
    with pytest.raises(SourceError, match=r"no tag is in the range \^1") as caught:
        await sources.commit(repo.url, "^1")
    assert "pre-releases" in caught.value.why
    with pytest.raises(SourceError, match="no tag that begins with app- is in the range"):
        await sources.commit(repo.url, "1.x", "app-")


async def test_a_range_in_a_repository_without_tags_says_so(sources: GitSources, repo: GitRepo) -> None:
    repo.commit({"a": "1"})
    with pytest.raises(SourceError) as caught:
        await sources.commit(repo.url, "^1")
    assert caught.value.what == "the repository has no tags"
    assert "^1 is a range" in caught.value.why
