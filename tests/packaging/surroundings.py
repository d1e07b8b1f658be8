"""What an installed gitopsd works with in tests: the demo's samples behind a git server, a cluster whose pods run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import yaml

from demo.place import Place, clean_place, make_repository, samples
from demo.programs import cluster
from demo.view import rows
from gitopsd.testing.gitserver import GitServer
from tests.packaging.machine import Machine

KUBECONFIG: Final = "demo.kubeconfig"
_REPOSITORY: Final = "samples.git"
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A cluster (`kubeconfig` leads to it) and the samples' repository at `url`."""

    place: Place
    url: str

    @property
    def kubeconfig(self) -> str:
        """The text of the daemon's kubeconfig."""
        return (self.place.cluster / "gitopsd.kubeconfig").read_text(encoding="utf-8")

    def config(self, kubeconfig: str, state: str, cache: str) -> str:
        """The demo's configuration for an installation: where its kubeconfig is, its folders, and a port of its own
        (that of the demo was free when it was looked for, and another test may have it by now).
        """
        content: dict[str, Any] = yaml.safe_load(self.place.config.read_text(encoding="utf-8"))
        content["server"] = {**content.get("server", {}), "listen": "127.0.0.1:0"}
        content["state"] = {"dir": state, "cacheDir": cache, "keyFile": f"{state}/state.key"}
        content["clusters"] = [{"name": "local", "kubeconfig": kubeconfig}]
        content["repositories"] = [{"url": self.url}]
        for application in content["applications"]:
            application["source"]["repoURL"] = self.url
        return yaml.safe_dump(content, sort_keys=False)


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[Surroundings]:
    """Up for as long as the block lasts; everything listens on the loopback alone."""
    with clean_place(folder) as place:
        make_repository(place)
        with GitServer(place.folder) as git:
            async with cluster(place):
                yield Surroundings(place, git.url(_REPOSITORY))


def expected() -> Mapping[str, tuple[str, str]]:
    """How each sample is when all is done: in sync, and as healthy as it is meant to be."""
    return {name: ("Synced", sample.expected) for name, sample in samples().items()}


def found(answer: str) -> Mapping[str, tuple[str, str]]:
    """The same, as the command line tells it in JSON."""
    try:
        return {row.name: (row.sync, row.health) for row in rows(answer.encode())}
    except ValueError:
        return {}


async def on(machine: Machine, *command: str, polling: bool = False) -> str:
    """Run a program in the machine while the cluster goes on; what it printed. `polling`: it may fail, and is asked
    often.
    """
    done = await anyio.to_thread.run_sync(partial(machine.run, *command, check=not polling, shown=not polling))
    return done.stdout


async def until(machine: Machine, wanted: Callable[[str], object], *command: str) -> str:
    """Run a program in the machine until what it prints is as wanted; what it printed."""
    told = ""
    with anyio.move_on_after(_SECONDS):
        while not wanted(told := await on(machine, *command, polling=True)):
            await anyio.lowlevel.checkpoint()
        return told
    raise AssertionError(f"{' '.join(command)}: still {told!r}")


async def until_as_expected(machine: Machine) -> None:
    """Wait until the daemon in the machine tells that every sample is as it is meant to be."""
    told = ""
    with anyio.move_on_after(_SECONDS):
        while found(told) != expected():
            told = await on(machine, "gitopsd", "app", "list", "-o", "json", polling=True)
        return
    raise AssertionError(f"not as expected: {told}\n{machine.journal('gitopsd.service')}")
