"""The programs that the demo runs: the local cluster with a fake kubelet, and gitopsd itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Final

import anyio
import orjson
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from demo.place import ROOT, DemoError, Place
from gitopsd.core.errors import ClusterError
from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.kubelet import FakeKubelet
from gitopsd.testing.kubelet_door import ServingCertificate

LOCALCLUSTER: Final = ROOT / ".build" / "localcluster"
GITOPSD: Final = Path(sys.executable).parent / "gitopsd"
_READY_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 12.0


@asynccontextmanager
async def cluster(place: Place) -> AsyncIterator[str]:
    """The local cluster, with a kubeconfig for the daemon and pods that run; gives its version. Raises `DemoError`."""
    command = [str(LOCALCLUSTER), "up", "--dir", str(place.cluster)]
    with place.log("localcluster").open("wb") as log:
        async with _child(command, stdout=subprocess.PIPE, stderr=log) as process:
            version = await _ready(process, place.log("localcluster"))
            kubelet = await _kubeconfig(place, "fake-kubelet")
            await _kubeconfig(place, "gitopsd")
            clock = SystemClock()
            access = ClusterAccess("demo", kubeconfig=str(kubelet))
            certificate = ServingCertificate.of_localcluster(place.cluster)
            async with KubeHttp(access, clock=clock) as client:
                try:
                    async with FakeKubelet(client, clock=clock, certificate=certificate, delay=0.3):
                        yield version
                except* ClusterError as errors:
                    raise DemoError(f"the fake kubelet failed: {errors.exceptions[0]}") from errors


@asynccontextmanager
async def daemon(place: Place, log: IO[bytes] | None = None) -> AsyncIterator[Process]:
    """`gitopsd run`, as a service runs it; it logs to `log`, or to a file of the demo's."""
    command = [str(GITOPSD), "run", "--config", str(place.config)]
    with nullcontext(log) if log else place.log("gitopsd").open("wb") as out:
        async with _child(command, stdout=out, stderr=out) as process:
            yield process


async def run_once(place: Place, timeout: int, program: Path = GITOPSD) -> tuple[int, bytes]:
    """`gitopsd run --once`: its exit code and its answer, JSON. It shows its progress on a terminal."""
    command = [str(program), "run", "--config", str(place.config), "--once", "--timeout", str(timeout), "-o", "json"]
    with place.log("gitopsd").open("wb") as log:
        errors = None if sys.stderr.isatty() else log
        async with _child(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None  # noqa: S101  # it was asked for
            answer = b"".join([part async for part in process.stdout])
            return await process.wait(), answer


@asynccontextmanager
async def _child(
    command: Sequence[str], *, stdout: int | IO[bytes], stderr: IO[bytes] | None
) -> AsyncIterator[Process]:
    """A program that ends with the block: told to by SIGTERM, and killed if it takes no notice."""
    # A session of its own: Ctrl-C reaches the demo alone, which ends its programs in the right order.
    process = await anyio.open_process(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError):
                process.terminate()
            with anyio.move_on_after(_STOP_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()


async def _ready(process: Process, log: Path) -> str:
    """Wait for the line that says that the cluster is ready; returns the cluster's version."""
    assert process.stdout is not None  # noqa: S101  # it was asked for
    try:
        with anyio.fail_after(_READY_SECONDS):
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 64 * 1024)
    except (anyio.IncompleteRead, TimeoutError):
        raise DemoError(f"the local cluster did not start; see {log}") from None
    version: str = orjson.loads(line)["version"]
    return version


async def _kubeconfig(place: Place, user: str) -> Path:
    out = place.cluster / f"{user}.kubeconfig"
    command = [str(LOCALCLUSTER), "kubeconfig", "--dir", str(place.cluster), "--user", user]
    command += ["--group", "system:masters", "--out", str(out)]
    done = await anyio.run_process(command, check=False)
    if done.returncode:
        raise DemoError(f"no kubeconfig for {user}: {done.stderr.decode().strip()}")
    return out


def missing() -> list[str]:
    """The Go programs that have not been built yet."""
    places = {"engine": ROOT / "gitopsd" / "bin" / "gitopsd-engine", "localcluster": LOCALCLUSTER}
    return [name for name, path in places.items() if not os.access(path, os.X_OK)]
