"""How long a group is asked for after something was announced of it. On virtual time: waiting costs nothing."""

from collections.abc import AsyncIterator, Callable, Mapping

import anyio
import anyio.abc
import orjson
import pytest

from gitopsd.core.ids import GroupKind
from gitopsd.kube.answer import Answer
from gitopsd.kube.background import Background
from gitopsd.kube.catalog import Catalog
from gitopsd.kube.definitions import Definitions
from gitopsd.kube.follow import Source
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import VirtualTimeLoop

GROUP = "shop.example.org"
WIDGET = GroupKind(GROUP, "Widget")
LONG_SECONDS = 600.0
TRIES = 12


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


class _Server(KubeHttp):
    """Serves the group's kind once `serves`; `during` is done while the answer of that number is on its way."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(ClusterAccess("scripted", server="https://127.0.0.1:9"), clock=clock)
        self.serves = False
        self.looks = 0
        self.during: dict[int, Callable[[], None]] = {}
        self.refuses: set[int] = set()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        verb: str = "",
        kind: str = "",
        timeout: float = 60.0,
        impersonate: str = "",
    ) -> Answer:
        await anyio.sleep(timeout / 1_000)
        if path == f"/apis/{GROUP}/v1":
            kinds = [{"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["list", "watch"]}]
            return Answer(200, orjson.dumps({"resources": kinds}))
        self.looks += 1
        if self.looks in self.refuses:
            return Answer(403)
        answer = Answer(200, orjson.dumps({"versions": [{"version": "v1"}]})) if self.serves else Answer(404)
        self.during.get(self.looks, lambda: None)()
        await anyio.sleep(timeout / 1_000)
        return answer


class _Up:
    async def wait_up(self) -> bool:
        return False


class World:
    """Definitions of a scripted server, and the kinds that they told of."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self.clock = FakeClock()
        self.server = _Server(self.clock)
        self.heard: list[GroupKind] = []
        source = Source(self.server, _Up(), self.clock)
        catalog = Catalog(self.server, self.clock)
        self.background = Background(tasks)
        self.definitions = Definitions(source, catalog, self.heard.extend, self.background)
        self.tasks = tasks

    def announce(self) -> None:
        """The kind is served from now on, and a definition says so without naming it."""
        self.server.serves = True
        self.definitions.touched(GROUP)

    def announce_after_the_look(self) -> None:
        async def wait() -> None:
            await self.definitions.looked(GROUP)
            self.announce()

        self.tasks.start_soon(wait)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with anyio.create_task_group() as tasks:
        yield World(tasks)


async def test_a_group_is_asked_twice_after_one_word_and_then_no_more(world: World) -> None:
    world.announce()
    await world.clock.advance(LONG_SECONDS)
    assert (world.heard, world.server.looks) == ([WIDGET], 2)


async def test_what_is_announced_while_the_last_answer_is_on_its_way_is_asked_for(world: World) -> None:
    world.server.during[2] = world.announce
    world.definitions.touched(GROUP)
    await world.clock.advance(LONG_SECONDS)
    assert world.heard == [WIDGET]


async def test_what_is_announced_after_the_last_try_for_something_else_is_asked_for(world: World) -> None:
    world.server.during[TRIES] = world.announce_after_the_look
    world.definitions.touched(GROUP, "gadgets")
    await world.clock.advance(LONG_SECONDS)
    assert world.heard == [WIDGET]
    assert world.server.looks == 2 * TRIES, "gadgets never came: there is an end"


async def test_a_refused_question_is_no_answer(world: World) -> None:
    world.server.refuses = {1, 2, 3}
    world.announce()
    await world.clock.advance(LONG_SECONDS)
    assert world.heard == [WIDGET]


@pytest.mark.parametrize("seconds", [0.01, 0.06, 0.3], ids=["before_a_look", "during_one", "between_two"])
async def test_who_waits_for_a_look_goes_on_when_the_cluster_is_left(seconds: float) -> None:
    answers: list[bool] = []
    with anyio.fail_after(LONG_SECONDS):
        async with anyio.create_task_group() as others, anyio.create_task_group() as tasks:
            world = World(tasks)

            async def wait() -> None:
                while await world.definitions.looked(GROUP):
                    answers.append(True)
                answers.append(False)

            world.definitions.touched(GROUP, "widgets")
            others.start_soon(wait)
            await world.clock.advance(seconds)
            world.background.end()
    assert answers[-1] is False


async def test_what_is_announced_after_the_cluster_was_left_is_waited_for_by_nobody() -> None:
    async with anyio.create_task_group() as tasks:
        world = World(tasks)
        world.background.end()
        world.definitions.touched(GROUP, "widgets")
    world.definitions.touched(GROUP, "widgets")
    with anyio.fail_after(LONG_SECONDS):
        assert await world.definitions.looked(GROUP) is False
