"""Repositories, servers and sources for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest

from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import GitRepo, GitServer

_names = count()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the repositories that all servers serve."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture
def repo(served: Path) -> GitRepo:
    """A new repository with one commit on main."""
    made = GitRepo(served / f"{next(_names)}.git")
    made.commit({"app/a.yaml": "a: 1\n"})
    return made


@pytest.fixture
def empty(served: Path) -> GitRepo:
    """A new repository with nothing in it."""
    return GitRepo(served / f"{next(_names)}.git")


@pytest.fixture
def server(served: Path) -> Iterator[GitServer]:
    """A server of its own for one test, to be told its faults."""
    with GitServer(served) as running:
        yield running


@pytest.fixture(scope="module")
async def sources(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GitSources]:
    """Sources with default settings, shared by the tests of a module (a worker takes 0.2 s to start)."""
    async with GitSources(folder=tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """For sources with settings of their own: `await stack.enter_async_context(GitSources(…))`."""
    async with AsyncExitStack() as opened:
        yield opened
