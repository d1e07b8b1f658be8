"""gitopsd that manages its own installation: it replaces itself, and cannot remove itself by a slip."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
import yaml

from gitopsd.core.operation import Phase
from tests.cluster_fixture import ROOT
from tests.e2e.child import child
from tests.e2e.cluster import Cluster
from tests.e2e.conditions import healthy, synced, waiting
from tests.e2e.conftest import api_server, cluster, kubelet, kubelet_kubeconfig, user, world
from tests.e2e.world import World

__all__ = ["api_server", "cluster", "kubelet", "kubelet_kubeconfig", "user", "world"]

DEPLOY: Final = ROOT / "deploy"
_SETS: Final = "/apis/apps/v1/namespaces/gitopsd/statefulsets"
_TAG: Final = re.compile(r"newTag: .*")

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def itself(world: World) -> World:
    """A repository with the installation and the example, and the example's own application."""
    world.commit(_files())
    (entry,) = yaml.safe_load((DEPLOY / "self-managed" / "applications.yaml").read_text(encoding="utf-8"))
    entry["source"]["repoURL"] = str(world.repo.path)
    world.config["applications"] = [{**entry, "name": world.full("gitopsd")}]
    world.config["clusters"][0]["name"] = "in-cluster"
    world.config["reconcile"]["refreshInterval"] = "1s"
    return world


async def test_a_new_version_of_itself_ends_it_in_the_middle_of_the_sync_and_the_next_one_goes_on(
    itself: World, cluster: Cluster
) -> None:
    async with child(itself) as before:
        await before.until_synced("gitopsd")
        itself.commit(_files(tag="0.2.0"))
        await cluster.until("", _SETS, _has_image("0.2.0"))
        # The controller deletes the pod now: nothing but what is on the disk is left of this daemon.
        before.signal(signal.SIGKILL)
        await before.ended(30)
    async with child(itself) as after:
        await after.until_synced("gitopsd")
    found = await cluster.do("GET", f"{_SETS}/gitopsd")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":0.2.0")


async def test_what_leaves_git_is_deleted_only_when_somebody_says_so(itself: World, cluster: Cluster) -> None:
    async with itself.daemon() as daemon:
        await daemon.until("gitopsd", synced, healthy)
        itself.commit({**_files(), "kubernetes/base/kustomization.yaml": _without("statefulset.yaml")})
        await daemon.refresh("gitopsd")
        status = await daemon.until("gitopsd", waiting)
        assert status.operation is not None
        assert "confirm" in status.operation.message
        assert await cluster.find("", f"{_SETS}/gitopsd")
        # Back in git: nothing was lost.
        itself.commit(_files())
        await daemon.refresh("gitopsd")
        await daemon.until("gitopsd", synced, healthy)
    uid = (await cluster.do("GET", f"{_SETS}/gitopsd"))["metadata"]["uid"]
    itself.config["applications"] = []
    async with itself.daemon() as daemon:
        await daemon.until_true(daemon.is_ready)
    assert (await cluster.do("GET", f"{_SETS}/gitopsd"))["metadata"]["uid"] == uid


async def test_a_change_of_its_configuration_starts_nothing_anew(itself: World, cluster: Cluster) -> None:
    pods = "/api/v1/namespaces/gitopsd/pods"
    async with itself.daemon() as daemon:
        await daemon.until("gitopsd", synced, healthy)
        (before,) = (await cluster.do("GET", pods))["items"]
        changed = (DEPLOY / "kubernetes" / "base" / "gitopsd.yaml").read_text(encoding="utf-8") + "  level: debug\n"
        commit = itself.commit({"kubernetes/base/gitopsd.yaml": changed})
        await daemon.live("gitopsd", commit, healthy)
        (after,) = (await cluster.do("GET", pods))["items"]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        shown = await cluster.do("GET", "/api/v1/namespaces/gitopsd/configmaps/gitopsd")
        assert "level: debug" in shown["data"]["gitopsd.yaml"]
        assert [event.operation.phase for event in daemon.operations("gitopsd")][-1] is Phase.SUCCEEDED


async def test_a_version_that_never_becomes_ready_is_replaced_by_the_next(itself: World, cluster: Cluster) -> None:
    async with itself.daemon() as daemon:
        await daemon.until("gitopsd", synced, healthy)
        broken = (DEPLOY / "kubernetes" / "base" / "statefulset.yaml").read_text(encoding="utf-8")
        labels = "      labels:\n        app.kubernetes.io/name: gitopsd\n"
        assert broken.count(labels) == 1
        crashing = "      annotations: {kubelet.gitopsd.io/behaviour: crash}\n"
        itself.commit({"kubernetes/base/statefulset.yaml": broken.replace(labels, crashing + labels)})
        await daemon.refresh("gitopsd")
        await cluster.until("", "/api/v1/namespaces/gitopsd/pods", _crashes)
        commit = itself.commit(_files())
        await daemon.live("gitopsd", commit, healthy)


def _crashes(here: Mapping[str, Any]) -> bool:
    statuses = [status for pod in here.values() for status in pod.get("status", {}).get("containerStatuses", ())]
    return any(status["restartCount"] for status in statuses)


def _has_image(tag: str) -> Callable[[Mapping[str, Any]], bool]:
    def has(here: Mapping[str, Any]) -> bool:
        containers = here["gitopsd"]["spec"]["template"]["spec"]["containers"]
        return bool(containers[0]["image"].endswith(f":{tag}"))

    return has


def _files(tag: str = "") -> Mapping[str, str]:
    """The example and what it is based on, as somebody's repository has them."""
    paths = [*(DEPLOY / "kubernetes").rglob("*.yaml"), *(DEPLOY / "self-managed").rglob("*.yaml")]
    files = {path.relative_to(DEPLOY).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    main = "self-managed/kustomization.yaml"
    if tag:
        files[main] = _TAG.sub(f"newTag: {tag}", files[main])
    return files


def _without(resource: str) -> str:
    text = (DEPLOY / "kubernetes" / "base" / "kustomization.yaml").read_text(encoding="utf-8")
    assert resource in text
    return text.replace(f"  - {resource}\n", "")
