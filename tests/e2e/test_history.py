"""What the history says of what was deployed."""

from __future__ import annotations

from gitopsd.core.history import RevisionInfo
from gitopsd.core.ids import AppName
from gitopsd.testing.sources import SOMEBODY
from tests.e2e.conditions import synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World


async def test_entries_say_who_made_their_revisions_when_and_why_and_still_do_after_a_restart(world: World) -> None:
    first = world.repo.commit({"app/one.yaml": config_map("one")}, message="Open the shop\n\nAt last.\n")
    world.repo.git("tag", "v1", first)
    world.application("app")
    name = AppName(world.full("app"))
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        second = world.repo.commit({"app/one.yaml": config_map("one", "2")}, message="Paint the door")
        await daemon.live("app", second)
    async with world.daemon() as daemon:
        entries = (await daemon.daemon.supervisor.operations.history(name)).entries
    assert [(entry.revisions, entry.infos) for entry in entries] == [
        ((first,), (RevisionInfo(SOMEBODY.author, SOMEBODY.date, "Open the shop", ("v1",)),)),
        ((second,), (RevisionInfo(SOMEBODY.author, SOMEBODY.date, "Paint the door"),)),
    ]
