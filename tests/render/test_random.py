"""Renders that are no function of their inputs: seeded where that is possible, else kept; and how long renders last."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import RenderError, StoreError
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.plugin import RenderRequest, RenderResult
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.seeds import Seeds
from gitopsd.render.vault import Vault
from tests.render.conftest import SteppedClock
from tests.render.trees import REPO, Trees


class Dice:
    """Renders its seed, and another number each time."""

    name = "dice"
    markers = ("Dicefile",)

    def __init__(self, throws: Iterator[int], reads: Sequence[Read] | None = ()) -> None:
        self._throws = throws
        self._reads = reads

    async def render(self, request: RenderRequest) -> RenderResult:
        name = f"{request.seed[:8]}-{next(self._throws)}"
        body: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        reads = None if self._reads is None else (*self._reads, Read(f"{request.path}/Dicefile", ReadKind.FILE))
        return RenderResult((Manifest(body, Position("a.yaml", 1)),), reads, random=("Dicefile: throw",))


@dataclass
class World:
    """A room; `name` renders and gives the one object's name, and what was said to be random."""

    room: RenderRoom

    async def name(self, commit: str, *, use_cache: bool = True, app: str = "shop") -> tuple[str, tuple[str, ...]]:
        spec = AppSpec(AppName(app), (Source(REPO, "app", "main"),), Destination(name="local", namespace="ns"))
        rendered = await self.room.render(spec, [commit], RenderTarget("v1.36.3", ()), use_cache=use_cache)
        return rendered.manifests[0].name, rendered.random


async def a_world(trees: Trees, clock: SteppedClock, dice: Dice, *, expires: float = 0.0) -> World:
    folder = trees.folder.parent
    cache = RenderCache(
        Vault(str(folder / "cache"), str(folder / "key")),
        expires_seconds=expires,
        now=lambda: clock.now().timestamp(),
    )
    await cache.open()
    seeds = Seeds.open(str(folder / "random.key"))
    return World(RenderRoom([dice], trees, cache, clock, identity="1", seeds=seeds))


async def test_each_application_has_a_seed_of_its_own_that_stays(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/Dicefile": ""})
    first, random = await (await a_world(trees, clock, Dice(count()))).name(commit)
    assert random == ("Dicefile: throw",)
    again = await a_world(trees, clock, Dice(count()))
    assert (await again.name(commit)) == (first, ("Dicefile: throw",))
    other, _ = await again.name(commit, app="bank")
    assert other.partition("-")[0] != first.partition("-")[0]


async def test_a_hard_refresh_keeps_what_differs_though_its_inputs_are_the_same(
    trees: Trees, clock: SteppedClock
) -> None:
    commit = trees.add({"app/Dicefile": ""})
    world = await a_world(trees, clock, Dice(count()))
    first, _ = await world.name(commit)
    again, random = await world.name(commit, use_cache=False)
    assert again == first
    assert "dice: two renders of the same inputs differ" in random
    changed, _ = await world.name(trees.add({"app/Dicefile": "changed"}))
    assert changed != first


async def test_a_renderer_that_does_not_tell_what_it_read_is_believed(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/Dicefile": ""})
    world = await a_world(trees, clock, Dice(count(), reads=None))
    first, _ = await world.name(commit)
    again, _ = await world.name(commit, use_cache=False)
    assert again != first


async def test_a_render_is_used_until_it_expires(trees: Trees, clock: SteppedClock) -> None:
    commit = trees.add({"app/Dicefile": ""})
    world = await a_world(trees, clock, Dice(count(), reads=None), expires=60)
    first, _ = await world.name(commit)
    clock.seconds += 59
    assert (await world.name(commit))[0] == first
    clock.seconds += 2
    assert (await world.name(commit))[0] != first


def test_the_key_of_seeds_is_private_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "random.key"
    first = Seeds.open(str(path)).of("shop")
    assert Seeds.open(str(path)).of("shop") == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["random.key"]
    assert Seeds.passing().of("shop") != first


def test_a_damaged_key_is_said_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "random.key"
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged"):
        Seeds.open(str(path))
    assert path.read_bytes() == b"short"


async def test_a_hard_refresh_that_fails_stays_failed(trees: Trees, clock: SteppedClock) -> None:
    class Breaking(Dice):
        broken = False

        async def render(self, request: RenderRequest) -> RenderResult:
            if self.broken:
                raise RenderError("the key is wrong")
            return await super().render(request)

    commit = trees.add({"app/Dicefile": ""})
    dice = Breaking(count())
    world = await a_world(trees, clock, dice)
    await world.name(commit)
    dice.broken = True
    for use_cache in (False, True):
        with pytest.raises(RenderError, match="the key is wrong"):
            await world.name(commit, use_cache=use_cache)
    dice.broken = False
    clock.seconds += 60
    assert await world.name(commit)
