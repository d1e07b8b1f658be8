"""The same scenarios on the real API server, some at once: they end there as the model says, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pytest

from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.kubelet import FakeKubelet
from tests.e2e.world import Running, World
from tests.model.checks import assert_all_written, assert_in_order
from tests.model.driver import called
from tests.model.real import PLURALS, Case, some
from tests.model.settings import MORE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
CASES: Final = 8
BY_HAND: Final = SyncRequest(initiated_by="somebody")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Return asyncio's own loop, with the time that everybody has."""
    return "asyncio", {"use_uvloop": False}


async def synced(daemon: Running, requests: Mapping[str, SyncRequest]) -> dict[str, Operation]:
    """Sync these applications, all at once; how that ended."""
    begun: dict[str, str] = {}
    for name, request in requests.items():
        full = AppName(daemon.world.full(name))
        begun[full] = (await daemon.daemon.supervisor.operations.sync(full, request)).id

    def over() -> bool:
        last = {full: daemon.statuses[full].operation for full in begun}
        return all(item is not None and item.id == begun[full] and item.phase.done for full, item in last.items())

    await daemon.until_true(over, seconds=90)
    return {name: item for name in requests if (item := daemon.status(name).operation) is not None}


async def check(world: World, case: Case, operation: Operation, before: int) -> None:
    """Hold what was done against the model."""
    wanted = case.expected()
    audit = await world.cluster.audit(world.user)
    found = case.written(audit[before:])
    say = f"{case.scenario}\nended {operation.phase}: {operation.message}\nwrote {found}\nexpected {wanted}"
    assert operation.phase.value == wanted.phase, say
    outcomes = {(item.phase.value, called(item.key.name)): run.outcome.value for item, run in operation.hooks.items()}
    assert outcomes == wanted.outcomes, say
    print(say)  # noqa: T201  # pytest shows it where what follows fails
    replaced = [item.name for item in case.scenario.things if item.replaced]  # by more than one request
    assert_all_written(found, wanted, repeats=replaced)
    assert_in_order(found, wanted)
    there: set[str] = set()
    for plural in PLURALS.values():
        # What is deleted goes when nobody holds it any more.
        left = await world.cluster.until(case.namespace, plural, lambda here: _names(here) <= wanted.objects)
        there |= _names(left)
    assert there == wanted.objects, say


def _names(here: Iterable[str]) -> set[str]:
    return {called(name) for name in here} - {"kube-root-ca.crt"}


async def test_scenarios_end_on_a_real_api_server_as_the_model_says(world: World, kubelet: FakeKubelet) -> None:
    cases: list[Case] = []
    for number, scenario in enumerate(some(CASES * MORE)):
        case = Case(f"m{number}", world.full(f"m{number}"), scenario)
        cases.append(case)
        world.application(case.name, manual=True)
        await world.cluster.namespace(case.namespace)
    world.commit({path: text for case in cases for path, text in case.earlier().items()})
    async with world.daemon() as daemon:
        await daemon.until_true(daemon.is_ready)
        for name, last in (await synced(daemon, {case.name: BY_HAND for case in cases})).items():
            assert last.phase.value == "Succeeded", f"{name}: {last.message}"
        for case in cases:
            await case.plant(world.cluster)
        before = len(await world.cluster.audit(world.user))
        world.commit({path: text for case in cases for path, text in case.files().items()})
        ended = await synced(daemon, {case.name: case.request for case in cases})
        for case in cases:
            await check(world, case, ended[case.name], before)
