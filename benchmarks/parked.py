"""What a sync costs that changes nothing, and what operations cost that wait for a wave."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from benchmarks.api import Api, Values
from benchmarks.cluster import SETTLE_SECONDS, LocalCluster, local_cluster
from benchmarks.daemon import Daemon
from benchmarks.processes import cpu_seconds
from benchmarks.syncs_workload import LARGE, SMALL, Waiting, make_waiting

_POLL_SECONDS: Final = 0.02
_DEADLINE_SECONDS: Final = 300.0
_QUIET_SHARE: Final = 0.02
_DRIFT: Final = b'{"data":{"value":"drift"}}'
_OBJECT: Final = f"/api/v1/namespaces/{SMALL}/configmaps/{SMALL}-0"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Resting:
    """A time in which nothing is asked for: the daemon's share of a core, and its requests by verb."""

    cpu: float
    asked: Counter[str]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from asking for a sync: until the cluster shows what it brings, and until it is over."""

    live: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parked:
    """What was seen. `no_op` are seconds until a sync that changes nothing is over, `no_op_cpu` the daemon's CPU time
    for one of them; each pair is without and with `held` operations that wait.
    """

    held: int
    no_op: list[float]
    no_op_cpu: float
    no_op_asked: Counter[str]
    resting: tuple[Resting, Resting]
    latencies: tuple[Latencies, Latencies]


async def parked(program: Path, held: int, rounds: int, idle: float, folder: Path, say: Say) -> Parked:  # noqa: PLR0917 (what is measured, and where)
    """In `folder`, with `rounds` syncs of each sort and `idle` seconds of rest. Raises RuntimeError or TimeoutError."""
    workload = await anyio.to_thread.run_sync(make_waiting, folder, held)
    with local_cluster(folder / "cluster") as cluster:
        await anyio.sleep(SETTLE_SECONDS)
        return await _Run(workload, cluster, program, folder, say).all(rounds, idle)


class _Run:
    """One measurement on one cluster."""

    def __init__(self, workload: Waiting, cluster: LocalCluster, program: Path, folder: Path, say: Say) -> None:
        self._workload = workload
        self._cluster = cluster
        self._say = say
        self._config, self._state = folder / "gitopsd.yaml", folder / "state"
        self._daemon = Daemon(program, self._config, self._state, folder / "daemon.log")

    async def all(self, rounds: int, idle: float) -> Parked:
        self._configure(with_held=False)
        async with self._daemon as daemon, Api(self._cluster.folder) as api, anyio.create_task_group() as tasks:
            values = Values(api)
            await tasks.start(values.run)
            self._say("a first sync of 1,000 objects in one application")
            await daemon.started()
            await self._quiet()
            self._say(f"{rounds} syncs that change nothing")
            mark, used = self._cluster.mark(), cpu_seconds(daemon.pid)
            no_op = [await self._no_op() for _ in range(rounds)]
            no_op_cpu, no_op_asked = (cpu_seconds(daemon.pid) - used) / rounds, self._cluster.asked(mark)
            before = await self._syncs(api, values, rounds), await self._rest(idle)
            self._say(f"{self._workload.held} operations come to wait")
            await self._park()
            after = await self._syncs(api, values, rounds), await self._rest(idle)
            if (waiting := await daemon.running()) != self._workload.held:
                raise RuntimeError(f"{waiting} operations wait in the end, not {self._workload.held}")
            tasks.cancel_scope.cancel()
        resting, latencies = (before[1], after[1]), (before[0], after[0])
        return Parked(self._workload.held, no_op, no_op_cpu, no_op_asked, resting, latencies)

    def _configure(self, *, with_held: bool) -> None:
        self._workload.write_config(self._config, self._cluster.kubeconfig, self._state, with_held=with_held)

    async def _no_op(self) -> float:
        began = time.monotonic()
        await self._daemon.sync(LARGE)
        return time.monotonic() - began

    async def _park(self) -> None:
        """Have the configuration read that has the applications which wait, until all do."""
        self._configure(with_held=True)
        with anyio.fail_after(_DEADLINE_SECONDS):
            while await self._daemon.running() < self._workload.held:  # noqa: ASYNC110 - another process tells
                await anyio.sleep(1.0)
        await self._quiet()

    async def _syncs(self, api: Api, values: Values, rounds: int) -> Latencies:
        """Somebody changes an object, and a sync takes it back."""
        self._say(f"{rounds} syncs")
        found = Latencies()
        for _ in range(rounds):
            await api.patch(_OBJECT, _DRIFT, "somebody")
            with anyio.fail_after(_DEADLINE_SECONDS):
                while await self._daemon.sync_status(SMALL) != "OutOfSync":  # noqa: ASYNC110 - another process tells
                    await anyio.sleep(_POLL_SECONDS)
            taken_back = values.expect([(SMALL, f"{SMALL}-0")], "0")
            began = time.monotonic()
            await self._daemon.sync(SMALL)
            found.over.append(time.monotonic() - began)
            found.live.append(await taken_back.moment() - began)
        return found

    async def _rest(self, seconds: float) -> Resting:
        self._say(f"{seconds:g} s of rest")
        await self._quiet()
        mark, used, began = self._cluster.mark(), cpu_seconds(self._daemon.pid), time.monotonic()
        await anyio.sleep(seconds)
        share = (cpu_seconds(self._daemon.pid) - used) / (time.monotonic() - began)
        return Resting(share, self._cluster.asked(mark))

    async def _quiet(self) -> None:
        """Until the daemon has next to nothing to do for two seconds."""
        with anyio.fail_after(_DEADLINE_SECONDS):
            while True:
                used, began = cpu_seconds(self._daemon.pid), time.monotonic()
                await anyio.sleep(2.0)
                if cpu_seconds(self._daemon.pid) - used < _QUIET_SHARE * (time.monotonic() - began):
                    return
