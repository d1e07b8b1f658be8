"""A blocked event loop: systemd hears no more of the daemon, ends it, starts it anew, and the operation goes on."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from tests.cluster_fixture import ApiServer
from tests.e2e.child import Child, Systemd, child
from tests.e2e.conftest import api_server, cluster, kubelet_kubeconfig, user, world
from tests.e2e.manifests import config_map, deployment
from tests.e2e.world import World
from tests.testing.pods import running_kubelet

__all__ = ["api_server", "cluster", "kubelet_kubeconfig", "user", "world"]

WATCHDOG_SECONDS: Final = 2.0

# What somebody may install: a judge of health that waits, on the loop, for as long as a file is there.
PLUGIN: Final = """
import os, time
from collections.abc import Sequence
from gitopsd.plugin import hookimpl

class Stuck:
    name = "stuck"
    kinds = [("", "ConfigMap")]

    def judge(self, live):
        while os.path.exists({flag!r}):
            time.sleep(0.01)
        return None

@hookimpl
def gitopsd_health_checks():
    return [Stuck()]
"""


class Blocker:
    """The plugin in a folder `site`, as pip would install it; it blocks the loop between `block` and `let_go`."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        self._flag = folder / "flag"
        _install(self.site, self._flag)

    def block(self) -> None:
        """From the next look at a ConfigMap on."""
        self._flag.touch()

    def let_go(self) -> None:
        """Nobody is blocked any more."""
        self._flag.unlink()


def _install(folder: Path, flag: Path) -> None:
    info = folder / "acme_stuck-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_stuck\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gitopsd.plugins]\nacme = acme_stuck\n")
    (folder / "acme_stuck.py").write_text(PLUGIN.format(flag=str(flag)))


@pytest.fixture
def blocker(tmp_path: Path) -> Blocker:
    return Blocker(tmp_path)


@pytest.fixture
async def systemd(tmp_path: Path) -> AsyncIterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


async def operation(daemon: Child, name: str) -> Any:
    """The application's operation, as the API shows it."""
    return (await daemon.get(f"/api/v1/applications/{daemon.world.full(name)}")).json()["operation"]


async def until_silent(systemd: Systemd) -> None:
    """Wait until nothing is heard for as long as the watchdog allows."""
    with anyio.fail_after(30):
        while True:
            with anyio.move_on_after(WATCHDOG_SECONDS) as waiting:
                await systemd.until("WATCHDOG=1")
            if waiting.cancelled_caught:
                return


async def test_a_blocked_loop_is_not_fed_and_after_the_restart_the_operation_goes_on(
    world: World, systemd: Systemd, blocker: Blocker, api_server: ApiServer, kubelet_kubeconfig: Path
) -> None:
    world.commit(
        {
            "app/gate.yaml": config_map("gate", wave="-2"),
            "app/first.yaml": deployment("first", wave="-1"),
            "app/last.yaml": config_map("last"),
        }
    )
    world.application("app")
    namespace = world.full("app")
    environ = {
        "NOTIFY_SOCKET": str(systemd.path),
        "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000)),
        "PYTHONPATH": str(blocker.site),
    }
    async with child(world, environ=environ) as daemon:
        await systemd.until("READY=1")
        await systemd.until("WATCHDOG=1")
        await world.cluster.until(namespace, "deployments", lambda here: here)
        before = await operation(daemon, "app")
        assert before["phase"] == "Running"
        blocker.block()
        await world.cluster.patch(namespace, "configmaps/gate", {"metadata": {"labels": {"touched": "yes"}}})
        await until_silent(systemd)
        daemon.signal(signal.SIGABRT)  # as systemd's WatchdogSignal= says
        assert await daemon.ended(30) == -signal.SIGABRT
        await daemon.until_line("acme_stuck.py", "in judge")
    blocker.let_go()
    async with child(world, environ=environ) as daemon:
        await systemd.until("READY=1")
        await systemd.until("WATCHDOG=1")
        after = await operation(daemon, "app")
        assert (after["id"], after["startedAt"]) == (before["id"], before["startedAt"])
        async with running_kubelet(api_server, kubelet_kubeconfig):
            await daemon.until_synced("app")
        assert await world.cluster.names(namespace, "configmaps") == {"gate", "last"}
        await systemd.until("WATCHDOG=1")
