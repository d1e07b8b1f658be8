"""What renders get from elsewhere, other sources' snapshots among it, and how long a render holds then."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import GitopsdError, RenderError
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read, ReadKind, Rendered
from gitopsd.plugin import Need, NeedKind, RenderRequest, RenderResult
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.supplies import Supplies
from gitopsd.render.vault import Vault
from gitopsd.testing.sources import FakeSources
from tests.render.conftest import SteppedClock

APP, VALUES, BASE = (f"https://git.example.org/{name}.git" for name in ("app", "values", "base"))
TARGET = RenderTarget("v1.36.3", ("v1",))


@dataclass
class Hungry:
    """A renderer that needs what the test says and renders its digest; `value` names a file of `$values`."""

    needs: Sequence[Need] = ()
    value: str = ""
    warns: bool = False
    name: str = "hungry"
    markers: tuple[str, ...] = ("Hungryfile",)
    got: list[Mapping[str, object]] = field(default_factory=list)

    async def render(self, request: RenderRequest) -> RenderResult:
        found: dict[str, object] = {}
        for need in self.needs:
            given = await request.supply.get(need)
            if given.error:
                raise RenderError(given.error, hint=given.hint)
            found[need.kind] = given.content or sorted(os.listdir(given.root))
        reads = [Read(f"{request.path}/Hungryfile", ReadKind.FILE)]
        if self.value:
            root = request.supply.roots["$values"]
            found["value"] = (Path(root) / self.value).read_text(encoding="utf-8")
            reads.append(Read(self.value, ReadKind.FILE, "$values"))
        self.got.append(found)
        metadata: JsonObject = {"name": "a"}
        body: JsonObject = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"got": str(found)},
        }
        warnings = (f"odd: {found}",) if self.warns else ()
        return RenderResult((Manifest(body, Position("a.yaml", 1)),), tuple(reads), warnings)


@dataclass
class World:
    """A render room over fake sources; `render` looks up and renders as the control room would."""

    room: RenderRoom
    sources: FakeSources
    folder: Path

    async def render(self, spec: AppSpec, *, use_cache: bool = True) -> Rendered:
        commits = []
        for source in spec.sources:
            await self.sources.refs(source.origin, fresh=True)
            commits.append(await self.sources.commit(*source.place))
        return await self.room.render(spec, commits, TARGET, use_cache=use_cache)

    def files(self) -> bytes:
        """All that the cache keeps on disk."""
        return b"".join(path.read_bytes() for path in (self.folder / "cache").rglob("*") if path.is_file())


async def a_world(folder: Path, clock: SteppedClock, renderer: Hungry, supplies: Supplies | None = None) -> World:
    sources = FakeSources(folder / "snapshots")
    cache = RenderCache(Vault(str(folder / "cache"), str(folder / "key")))
    await cache.open()
    sources.repository(APP).commit({"app/Hungryfile": ""})
    chosen = supplies or Supplies(sources, clock)
    if supplies is not None:
        supplies._sources = sources
    return World(RenderRoom([renderer], sources, cache, clock, identity="1", supplies=chosen), sources, folder)


def an_app(*sources: Source) -> AppSpec:
    return AppSpec(AppName("shop"), sources, Destination(name="local", namespace="shop"))


ONE = Source(APP, "app", "main")
WITH_VALUES = (
    Source(APP, "app", "main", options={"valueFiles": ["$values/prod.yaml"]}),
    Source(VALUES, target_revision="main", ref="values", renders=False),
)


async def test_a_ref_source_is_read_and_renders_nothing_itself(tmp_path: Path, clock: SteppedClock) -> None:
    hungry = Hungry(value="prod.yaml")
    world = await a_world(tmp_path, clock, hungry)
    world.sources.repository(VALUES).commit({"prod.yaml": "one"})
    rendered = await world.render(an_app(*WITH_VALUES))
    assert [each["value"] for each in hungry.got] == ["one"]
    assert len(rendered.manifests) == len(rendered.renderers) == 1
    assert len(rendered.revisions) == 2


async def test_a_commit_in_the_ref_source_renders_anew_only_if_it_touched_what_was_read(
    tmp_path: Path, clock: SteppedClock
) -> None:
    hungry = Hungry(value="prod.yaml")
    world = await a_world(tmp_path, clock, hungry)
    values = world.sources.repository(VALUES)
    values.commit({"prod.yaml": "one"})
    spec = an_app(*WITH_VALUES)
    await world.render(spec)
    values.commit({"prod.yaml": "one", "other.yaml": "x"})
    assert (await world.render(spec)).cached
    values.commit({"prod.yaml": "two", "other.yaml": "x"})
    assert not (await world.render(spec)).cached
    assert [each["value"] for each in hungry.got] == ["one", "two"]


async def test_a_ref_that_no_option_names_plays_no_part(tmp_path: Path, clock: SteppedClock) -> None:
    hungry = Hungry()
    world = await a_world(tmp_path, clock, hungry)
    world.sources.repository(VALUES).commit({"prod.yaml": "one"})
    spec = an_app(ONE, WITH_VALUES[1])
    await world.render(spec)
    world.sources.repository(VALUES).commit({"prod.yaml": "two"})
    assert (await world.render(spec)).cached


async def test_a_remote_base_is_given_as_a_folder_and_its_move_renders_anew(
    tmp_path: Path, clock: SteppedClock
) -> None:
    hungry = Hungry([Need(NeedKind.GIT, url=BASE, version="main")])
    world = await a_world(tmp_path, clock, hungry)
    base = world.sources.repository(BASE)
    base.commit({"one.yaml": ""})
    await world.render(an_app(ONE))
    assert (await world.render(an_app(ONE))).cached
    base.commit({"two.yaml": ""})
    assert (await world.render(an_app(ONE))).cached
    await world.sources.refs(BASE, fresh=True)
    assert not (await world.render(an_app(ONE))).cached
    assert [each["git"] for each in hungry.got] == [["one.yaml"], ["two.yaml"]]


async def test_where_a_render_got_things_is_told_for_look_ups(tmp_path: Path, clock: SteppedClock) -> None:
    hungry = Hungry([Need(NeedKind.GIT, url=BASE)])
    world = await a_world(tmp_path, clock, hungry)
    world.sources.repository(BASE).commit({"one.yaml": ""})
    for _ in ("made", "cached"):
        assert (await world.render(an_app(ONE))).places == {(BASE, "HEAD", "")}


async def test_what_was_given_is_kept_for_a_day(tmp_path: Path, clock: SteppedClock) -> None:
    world = await a_world(tmp_path, clock, Hungry([Need(NeedKind.GIT, url=BASE, version="main")]))
    commit = world.sources.repository(BASE).commit({"one.yaml": ""})
    await world.render(an_app(ONE))
    assert world.room.used() == {BASE: {commit}}
    clock.seconds += 86_401
    assert world.room.used() == {}


async def test_what_cannot_be_had_is_tried_again_at_once(tmp_path: Path, clock: SteppedClock) -> None:
    hungry = Hungry([Need(NeedKind.GIT, url=BASE, version="main")])
    world = await a_world(tmp_path, clock, hungry)
    with pytest.raises(RenderError, match=r"base\.git at main cannot be had"):
        await world.render(an_app(ONE))
    world.sources.repository(BASE).commit({"one.yaml": ""})
    assert (await world.render(an_app(ONE))).manifests


async def test_a_base_that_is_down_now_does_not_take_the_remembered_render_away(
    tmp_path: Path, clock: SteppedClock
) -> None:
    hungry = Hungry([Need(NeedKind.GIT, url=BASE, version="main")])
    world = await a_world(tmp_path, clock, hungry)
    world.sources.repository(BASE).commit({"one.yaml": ""})
    await world.render(an_app(ONE))
    world.sources.fail(BASE)
    assert (await world.render(an_app(ONE))).cached


async def test_plain_text_of_encrypted_files_is_on_no_disk(tmp_path: Path, clock: SteppedClock) -> None:
    async def decrypt(spec: AppSpec, cipher: bytes, path: str, kind: str) -> bytes:
        assert (spec.name, path, kind) == ("shop", "app/Hungryfile", "yaml")
        return b"CANARY" + cipher

    hungry = Hungry([Need(NeedKind.DECRYPT, path="app/Hungryfile", format="yaml")])
    world = await a_world(tmp_path, clock, hungry, Supplies(FakeSources(), clock, decrypt=decrypt))
    await world.render(an_app(ONE))
    assert (await world.render(an_app(ONE))).cached
    assert hungry.got[0]["decrypt"] == b"CANARY"
    assert world.files() == b""


async def test_S8_a_warning_of_a_render_is_logged_without_what_was_encrypted(
    tmp_path: Path, clock: SteppedClock
) -> None:
    async def decrypt(_: AppSpec, cipher: bytes, path: str, kind: str) -> bytes:
        return b"swordfish-canary"

    need = Need(NeedKind.DECRYPT, path="app/Hungryfile", format="yaml")
    hungry = Hungry([need], warns=True)
    world = await a_world(tmp_path, clock, hungry, Supplies(FakeSources(), clock, decrypt=decrypt))
    with structlog.testing.capture_logs() as logged:
        await world.render(an_app(ONE))
    warned = [line["warning"] for line in logged if line["event"] == "render warning"]
    assert len(warned) == 1
    assert warned[0].startswith("odd: ")
    assert "swordfish" not in warned[0]


async def test_a_wrong_key_put_right_works_with_the_next_render(tmp_path: Path, clock: SteppedClock) -> None:
    keys = ["wrong"]

    async def decrypt(_: AppSpec, cipher: bytes, path: str, kind: str) -> bytes:
        if keys == ["wrong"]:
            raise GitopsdError(f"{path}: no key of ours opens it", hint="add the key")
        return b"plain"

    hungry = Hungry([Need(NeedKind.DECRYPT, path="app/Hungryfile", format="yaml")])
    world = await a_world(tmp_path, clock, hungry, Supplies(FakeSources(), clock, decrypt=decrypt))
    with pytest.raises(RenderError, match="no key of ours opens it"):
        await world.render(an_app(ONE))
    keys[:] = ["right"]
    await world.render(an_app(ONE))
    assert hungry.got[0]["decrypt"] == b"plain"


async def test_a_looked_up_object_that_changed_renders_anew(tmp_path: Path, clock: SteppedClock) -> None:
    live = [b'{"a":1}']

    async def look_up(_: AppSpec, need: Need) -> bytes:
        assert need.object_kind == "Secret"
        return live[0]

    need = Need(NeedKind.LOOKUP, api_version="v1", object_kind="Secret", namespace="shop", name="token")
    hungry = Hungry([need])
    world = await a_world(tmp_path, clock, hungry, Supplies(FakeSources(), clock, look_up=look_up))
    await world.render(an_app(ONE))
    assert (await world.render(an_app(ONE))).cached
    live[0] = b'{"a":2}'
    assert not (await world.render(an_app(ONE))).cached


@pytest.mark.parametrize("kind", [NeedKind.DECRYPT, NeedKind.LOOKUP])
async def test_what_is_not_set_up_says_how_to(tmp_path: Path, clock: SteppedClock, kind: NeedKind) -> None:
    world = await a_world(tmp_path, clock, Hungry([Need(kind, path="app/Hungryfile", object_kind="Secret")]))
    with pytest.raises(RenderError) as caught:
        await world.render(an_app(ONE))
    assert "gitopsd.yaml" in caught.value.hint


async def test_S15_a_base_of_another_project_is_refused_also_when_it_was_rendered_before(
    tmp_path: Path, clock: SteppedClock
) -> None:
    refused: dict[tuple[str, str], str] = {}
    supplies = Supplies(FakeSources(), clock, refusal=lambda *asked: refused.get(asked, ""))
    world = await a_world(tmp_path, clock, Hungry([Need(NeedKind.GIT, url=BASE)]), supplies)
    world.sources.repository(BASE).commit({"one.yaml": ""})
    await world.render(an_app(ONE))
    refused[BASE, "default"] = "it is for applications of project payments alone"
    with pytest.raises(RenderError, match="project payments alone"):
        await world.render(an_app(ONE))
    refused.clear()
    await world.render(an_app(ONE))
