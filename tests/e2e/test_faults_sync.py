"""What goes wrong in the middle of syncs: the other applications go on, the status says what to do, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.difference import object_differences
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.kubelet import FakeKubelet
from gitopsd.testing.webhook import MutatingWebhook
from tests.e2e.child import child
from tests.e2e.conditions import failed, healthy, out_of_sync, quiet, resource, says, synced, waiting
from tests.e2e.manifests import config_map, definition, manifest
from tests.e2e.test_operations import hook, job, sync
from tests.e2e.world import World
from tests.sources.certificates import Authority

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OTHER = "other-operator"


def message(*words: str) -> Any:
    """The operation under way, or the last one, says all of `words`."""

    def says_so(status: AppStatus) -> bool:
        return status.operation is not None and all(word in status.operation.message for word in words)

    return says_so


class Refusing(MutatingWebhook):
    """Denies the objects of a name, as long as `denies` is set."""

    def __init__(self, certificate: Path, name: str) -> None:
        super().__init__(certificate, lambda _: [])
        self.name = name
        self.denies = True

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        answer = super().review(asked)
        if self.denies and asked["request"]["name"] == self.name:
            answer["response"] = {
                "uid": asked["request"]["uid"],
                "allowed": False,
                "status": {"code": 403, "message": "no owner label, ask the platform team"},
            }
        return answer


@contextmanager
def refusing(folder: Path, name: str) -> Iterator[tuple[Refusing, str]]:
    """The webhook, and the PEM of its CA."""
    authority = Authority("webhooks")
    with Refusing(authority.server(folder / "webhook.pem", "127.0.0.1"), name) as webhook:
        yield webhook, authority.pem


async def test_an_admission_webhook_that_denies_one_object_keeps_no_other_of_its_wave(
    world: World, tmp_path: Path
) -> None:
    world.good()
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    world.commit({f"app/{name}.yaml": config_map(name) for name in ("one", "denied", "two")})
    world.application("app")
    with refusing(tmp_path, "denied") as (webhook, ca):
        body = webhook.configuration(world.full("deny"), ca, resources=("configmaps",), namespace=namespace)
        await world.cluster.do("POST", WEBHOOKS, body)
        try:
            async with world.daemon() as daemon:
                status = await daemon.until(
                    "app", failed, says("SyncError", "denied", "deny", "ask the platform team"), seconds=60
                )
                assert await world.cluster.names(namespace, "configmaps") == {"one", "two"}
                assert resource(status, "two").sync.value == "Synced"
                assert resource(status, "denied").sync.value == "OutOfSync"
                await daemon.goes_on()
                webhook.denies = False
                await daemon.until("app", synced, healthy, quiet, seconds=60)
        finally:
            await world.cluster.do("DELETE", f"{WEBHOOKS}/{world.full('deny')}")


async def test_a_quota_that_is_exceeded_is_named_and_raising_it_is_all_it_needs(world: World) -> None:
    world.good()
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"count/configmaps": "3"}}}
    await world.cluster.create(namespace, "resourcequotas", quota)
    await world.cluster.until(namespace, "resourcequotas", lambda here: here["small"].get("status", {}).get("used"))
    world.commit({f"app/{number}.yaml": config_map(f"map-{number}") for number in range(4)})
    retry = {"limit": -1, "backoff": {"duration": "1h", "factor": 2, "maxDuration": "2h"}}
    world.application("app", syncPolicy={"retry": retry})
    async with world.daemon() as daemon:
        await daemon.until("app", failed, says("SyncError", "quota", "small"), seconds=60)
        await daemon.goes_on()
        await world.cluster.patch(namespace, "resourcequotas/small", {"spec": {"hard": {"count/configmaps": "20"}}})
        # The next try would be in an hour: what was in the way is watched, and its change is enough.
        await daemon.until("app", synced, healthy, quiet, seconds=60)
        assert len(await world.cluster.names(namespace, "configmaps")) == 4


async def test_a_finalizer_that_never_goes_holds_the_sync_by_its_name_and_nothing_else(world: World) -> None:
    world.good()
    world.commit({"app/job.yaml": job("once", text="1"), "app/one.yaml": config_map("one")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        await sync(daemon, "app")
        held = {"metadata": {"finalizers": ["example.org/never"]}}
        before = await world.cluster.patch(world.full("app"), "jobs/once", held)
        world.commit({"app/job.yaml": job("once", text="2")})  # it cannot be changed: it is made anew
        await daemon.refresh("app")
        operations = daemon.daemon.supervisor.operations
        name = daemon.status("app").name
        await operations.sync(name, SyncRequest(initiated_by="somebody"))
        await daemon.until("app", waiting, message("once", "example.org/never"))
        await daemon.goes_on()
        await world.cluster.patch(world.full("app"), "jobs/once", {"metadata": {"finalizers": None}})
        await daemon.until("app", synced, message("1 object written"), seconds=60)
        after = await world.cluster.get(world.full("app"), "jobs/once")
        assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_definition_that_is_removed_with_its_instances_comes_back_with_them(world: World) -> None:
    world.good()
    group = f"e{world.number}.example.org"
    widget = f"/apis/{group}/v1/namespaces/{world.full('app')}/widgets/one"
    world.commit(
        {
            "app/crd.yaml": definition("Widget", group),
            "app/one.yaml": manifest(f"{group}/v1", "Widget", "one", spec={"size": 1}),
        }
    )
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, seconds=60)
        before = await world.cluster.get("", widget)
        await world.cluster.do("DELETE", f"{DEFINITIONS}/widgets.{group}")
        await daemon.until_true(lambda: len(daemon.operations("app")) > 1, seconds=60)
        status = await daemon.until("app", synced, healthy, quiet, seconds=60)
        assert {item.sync.value for item in status.resources} == {"Synced"}
        assert (await world.cluster.get("", widget))["metadata"]["uid"] != before["metadata"]["uid"]
        await daemon.goes_on()


async def test_a_definition_that_left_git_stays_until_somebody_confirms_and_its_instances_go(world: World) -> None:
    group = f"e{world.number}.example.org"
    files = {
        "app/crd.yaml": definition("Widget", group),
        "app/one.yaml": manifest(f"{group}/v1", "Widget", "one", spec={"size": 1}),
        **{f"app/map-{number}.yaml": config_map(f"map-{number}") for number in range(3)},
    }
    world.commit(files)
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, seconds=60)
        world.commit({"app/crd.yaml": None, "app/one.yaml": None})
        await daemon.refresh("app")
        await daemon.until("app", out_of_sync, lambda status: len(status.resources) == 4, seconds=60)
        assert await world.cluster.find("", f"/apis/{group}/v1/namespaces/{world.full('app')}/widgets/one") is None
        assert await world.cluster.find("", f"{DEFINITIONS}/widgets.{group}") is not None
        await sync(daemon, "app", SyncRequest(initiated_by="somebody", prune=True, confirmed=True))
        await daemon.until("app", synced, seconds=60)
        assert await world.cluster.find("", f"{DEFINITIONS}/widgets.{group}") is None


async def test_very_many_objects_in_one_wave_are_applied_and_keep_no_other_application_waiting(world: World) -> None:
    count = int(os.environ.get("GITOPSD_TEST_MANY_OBJECTS", "600"))
    world.good()
    document = "".join(config_map(f"map-{number}") for number in range(count))
    world.commit({"app/many.yaml": document, "app/after.yaml": config_map("after", wave="1")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.goes_on()
        status = await daemon.until("app", synced, healthy, quiet, seconds=120)
        assert status.operation is not None
        assert status.operation.phase is Phase.SUCCEEDED
        assert len(await world.cluster.names(world.full("app"), "configmaps")) == count + 1
    writes = [line for line in await world.cluster.writes(world.user) if "configmaps/" in line]
    assert writes[-1].endswith("configmaps/after") or "configmaps/more" in writes[-1]
    assert sum("configmaps/map-" in line for line in writes) == count
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
    again = [line for line in await world.cluster.writes(world.user) if "configmaps/map-" in line]
    assert len(again) == count  # a sync of what is there already writes nothing


async def contend(world: World, value: str) -> None:
    """Another operator writes a value of its own."""
    path = world.cluster.path(world.full("app"), f"configmaps/one?fieldManager={OTHER}")
    await world.cluster.do("PATCH", path, {"data": {"key": value}})


async def test_another_operator_of_one_field_is_named_and_self_heal_backs_off(world: World) -> None:
    world.good()
    world.config["reconcile"]["selfHealBackoff"] = {"duration": "1s", "factor": 10, "maxDuration": "60s"}
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        for turn in range(2):
            await contend(world, f"theirs-{turn}")
            await world.cluster.until(world.full("app"), "configmaps", lambda maps: maps["one"]["data"] == {"key": "1"})
            await daemon.until("app", synced)
        await contend(world, "theirs-again")
        status = await daemon.until("app", lambda status: "back-off" in status.decision)
        assert f"data.key of ConfigMap {world.full('app')}/one by {OTHER}" in status.decision
        assert resource(status, "two").sync.value == "Synced"
        await daemon.goes_on()


async def test_a_field_that_another_operator_has_is_shown_as_its_and_taken_over_by_a_sync(world: World) -> None:
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    theirs = {"metadata": {"name": "one"}, "data": {"key": "theirs"}}
    await world.cluster.create(namespace, f"configmaps?fieldManager={OTHER}", theirs)
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync)
        comparison = daemon.daemon.supervisor.comparison(daemon.status("app").name)
        (item,) = comparison.objects.values()
        (field,) = [each for each in object_differences(item, comparison.rules).fields if each.path == "data.key"]
        assert (field.live.value, field.owner and field.owner.manager) == ("theirs", OTHER)
        await sync(daemon, "app")
        await daemon.until("app", synced)
    live = await world.cluster.get(namespace, "configmaps/one")
    owners = {entry["manager"] for entry in live["metadata"]["managedFields"] if "f:data" in entry["fieldsV1"]}
    assert live["data"] == {"key": "1"}
    assert "gitopsd" in owners


async def test_a_damaged_store_stops_the_daemon_before_it_touches_a_cluster_and_can_be_rebuilt(
    world: World, kubelet: FakeKubelet
) -> None:
    world.commit(
        {
            "app/one.yaml": config_map("one"),
            "app/pre.yaml": job("migrate", hook("PreSync")),
        }
    )
    world.application("app", self_heal=True)
    async with child(world) as daemon:
        await daemon.until_synced("app")
    state = world.folder / "state" / "state.db"
    for beside in ("state.db-wal", "state.db-shm"):
        state.with_name(beside).unlink(missing_ok=True)
    state.write_bytes(b"\xee" * 8192)
    before = await world.cluster.writes(world.user)
    await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})

    async with child(world) as daemon:
        assert await daemon.ended(60) != 0
        assert daemon.has_line("the state file is damaged")
        assert daemon.has_line("mv ", "state.db.damaged")
    assert await world.cluster.writes(world.user) == before

    state.rename(state.with_name("state.db.damaged"))
    async with child(world) as daemon:
        await daemon.until_synced("app")
    assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "1"}


@pytest.mark.parametrize("manual", [False, True], ids=["automated", "by hand"])
async def test_a_namespace_stuck_in_deletion_is_named_and_waited_for(world: World, manual: bool) -> None:
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    held = {"metadata": {"name": "held", "finalizers": ["example.org/held"]}}
    await world.cluster.create(namespace, "configmaps", held)
    await world.cluster.do("DELETE", f"/api/v1/namespaces/{namespace}")
    world.commit({"app/one.yaml": config_map("one")})
    retry = {"limit": -1, "backoff": {"duration": "1h", "factor": 2, "maxDuration": "2h"}}
    world.application("app", manual=manual, syncPolicy={"retry": retry})
    async with world.daemon() as daemon:
        if manual:
            await daemon.until("app", out_of_sync)
            await sync(daemon, "app")
        await daemon.until("app", failed, message("being terminated"))
        await world.cluster.patch(namespace, "configmaps/held", {"metadata": {"finalizers": None}})
        if not manual:  # the next try would be in an hour
            await daemon.until("app", synced, healthy, quiet, seconds=60)


async def test_what_was_too_much_to_be_pruned_at_once_stays_whatever_comes_until_somebody_confirms(
    world: World,
) -> None:
    world.commit({f"app/old-{number}.yaml": config_map(f"old-{number}") for number in range(4)})
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        fresh = {f"app/new-{number}.yaml": config_map(f"new-{number}") for number in range(4)}
        world.commit({**{f"app/old-{number}.yaml": None for number in range(4)}, **fresh})
        await daemon.refresh("app")
        await daemon.until("app", message("4 objects written, 4 that left git stay"))
        name = world.full("app")
        await world.cluster.delete(name, "configmaps/new-0")  # self-heal has something to do
        await world.cluster.until(name, "configmaps", lambda there: "new-0" in there)
        world.commit({"app/new-1.yaml": config_map("new-1", "changed")})
        await daemon.refresh("app")
        await world.cluster.until(name, "configmaps", lambda there: there["new-1"]["data"] == {"key": "changed"})
        await daemon.until("app", message("that left git stay"))
        await world.cluster.until(name, "configmaps", lambda there: "old-3" in there)
        await daemon.daemon.supervisor.operations.sync(
            AppName(name), SyncRequest(initiated_by="somebody", confirmed=True)
        )
        await daemon.until("app", synced, message("0 objects written, 4 pruned"))
