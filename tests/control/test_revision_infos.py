"""What the history says of revisions, and that nobody waits for it."""

from collections.abc import Sequence

import anyio

from gitopsd.control.revision_infos import infos
from gitopsd.core.app import Source
from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.ids import AppName
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, an_app
from gitopsd.testing.sources import SOMEBODY
from tests.control.world import GivenWorld

SOURCES = tuple(Source(f"https://git.example.org/{name}.git") for name in ("good", "bad", "slow", "after"))


async def describe(origin: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
    if "bad" in origin:
        raise SourceError("nobody knows")
    if "slow" in origin:
        await anyio.sleep_forever()
    return [RevisionInfo("Ada", message=commit) for commit in commits]


async def test_what_is_not_known_or_takes_too_long_is_empty() -> None:
    began = anyio.current_time()

    found = await infos(describe, SOURCES, ("a", "b", "c", "d"))

    assert found == (RevisionInfo("Ada", message="a"), *[RevisionInfo()] * 3)
    assert 2.0 <= anyio.current_time() - began < 20.0


async def test_revisions_without_a_source_and_sources_without_a_revision_are_empty() -> None:
    assert await infos(describe, SOURCES[:1], ("", "b")) == (RevisionInfo(), RevisionInfo())
    assert await infos(describe, SOURCES, ()) == ()


async def test_an_entry_of_the_history_says_who_made_its_revision_and_why(world: GivenWorld) -> None:
    commit = world.git(a_config_map())
    world.sources.repository(A_REPOSITORY).tag("v1", commit)
    async with world.running(an_app()):
        (entry,) = (await world.supervisor.operations.history(AppName("guestbook"))).entries
    assert entry.revisions == (commit,)
    assert entry.infos == (RevisionInfo(SOMEBODY.author, SOMEBODY.date, SOMEBODY.message, ("v1",)),)
