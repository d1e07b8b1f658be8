"""The crash test finds what it is for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import httpx
import pytest

from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.cluster_fixture import ApiServer
from tests.crash.run import Kill, Ran, is_write
from tests.crash.table import Tried, every_point, judged, table, unsound
from tests.long.ground import master

CALM = Ran(
    struck=False,
    at="",
    objects={"jobs/migrate": {"spec": 1}, "configmaps/one": {"data": 1}},
    created=Counter({"jobs/migrate": 1}),
    written=frozenset({"jobs/migrate", "configmaps/one"}),
    strangers_touched=(),
    points={"write": 2, "read": 9, "journal": 4},
)
KILL = Kill("write", 1)


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (replace(CALM, created=Counter({"jobs/migrate": 2})), "double: jobs/migrate"),
        (replace(CALM, created=Counter()), "skipped: jobs/migrate"),
        (replace(CALM, objects={**CALM.objects, "configmaps/one": {"data": 2}}), "other end: configmaps/one"),
        (replace(CALM, objects={"configmaps/one": {"data": 1}}), "other end: jobs/migrate"),
        (replace(CALM, written=CALM.written | {"secrets/x"}), "other end: written besides: secrets/x"),
        (replace(CALM, strangers_touched=("configmaps/stranger",)), "strangers touched: configmaps/stranger"),
    ],
)
def test_what_differs_from_the_undisturbed_run_is_told(ran: Ran, said: str) -> None:
    verdict = judged(KILL, CALM, replace(ran, struck=True))
    assert not verdict.good
    assert f"  {said}" in table([Tried("hooks", CALM, [verdict])]).splitlines()


def test_a_run_that_ended_as_the_undisturbed_one_is_good() -> None:
    verdict = judged(KILL, CALM, replace(CALM, struck=True))
    assert verdict.good
    assert table([Tried("hooks", CALM, [verdict])]).splitlines()[1].split() == ["hooks", "write", *"1110000"]


def test_an_undisturbed_run_that_skips_a_hook_proves_nothing() -> None:
    assert not unsound(CALM, ["jobs/migrate"])
    assert "jobs/other" in unsound(CALM, ["jobs/migrate", "jobs/other"])


def test_there_are_two_points_for_each_write_and_each_entry_of_the_journal() -> None:
    points = [kill for kill in every_point(CALM) if kill.again is None]
    for where in ("write", "journal"):
        those = [(kill.number, kill.after) for kill in points if kill.where == where]
        assert those == [(number, after) for number in range(1, CALM.points[where] + 1) for after in (False, True)]


@pytest.mark.parametrize("after", [False, True])
async def test_a_request_that_is_struck_gets_no_answer_and_is_done_only_if_it_was_passed_on(
    api_server: ApiServer, namespace: str, after: bool
) -> None:
    struck: list[str] = []

    def strike(request: ProxiedRequest) -> None:
        struck.append(request.method)

    path = f"/api/v1/namespaces/{namespace}/configmaps"
    kubeconfig: Path = await anyio.to_thread.run_sync(lambda: master(api_server, "struck"))
    async with FaultProxy(kubeconfig) as proxy, httpx.AsyncClient(base_url=proxy.url, trust_env=False) as client:
        proxy.strike(strike, 2, matching=is_write, after=after)
        assert (await client.post(path, json={"metadata": {"name": "one"}})).status_code == 201
        assert (await client.get(path)).status_code == 200
        with pytest.raises(httpx.TransportError):
            await client.post(path, json={"metadata": {"name": "two"}})
        listed = (await client.get(path)).json()["items"]
        assert (await client.post(path, json={"metadata": {"name": "three"}})).status_code == 201
    assert struck == ["POST"]
    assert ("two" in {item["metadata"]["name"] for item in listed}) is after
