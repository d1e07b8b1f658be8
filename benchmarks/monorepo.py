"""One repository of 1,000 applications and 20,000 files: what a commit, and a restart, cost in renders and time."""

from __future__ import annotations

import gc
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread

from benchmarks.figures import Figure, median, shown
from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.ids import AppName
from gitopsd.daemon.clock import SystemClock
from gitopsd.plugin.manager import PluginManager
from gitopsd.ports.renderer import RenderTarget
from gitopsd.ports.sources import Snapshot
from gitopsd.render.cache import RenderCache
from gitopsd.render.engine import identity, locate
from gitopsd.render.pool import EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.vault import Vault
from gitopsd.sources.git import GitSources

APPLICATIONS: Final = 1000
FILES_PER_APPLICATION: Final = 20
_SHARED_EVERY: Final = 10
_COMMITS: Final = 5
# As many as the daemon reconciles at once by default.
_AT_ONCE: Final = 16
_GIT: Final = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Monorepo:
    """`tree` is where commits are made, `bare` what is fetched. Every tenth application stands on the shared base."""

    tree: Path
    bare: Path

    @property
    def url(self) -> str:
        """What the applications name."""
        return self.bare.as_uri()

    def names(self) -> list[str]:
        """The applications, which are folders below `apps`."""
        return [f"app-{number:04d}" for number in range(APPLICATIONS)]

    def users(self) -> set[str]:
        """Those of the shared base."""
        return set(self.names()[::_SHARED_EVERY])

    def change(self, file: str, value: str) -> None:
        """Commit and push another value in one file."""
        path = self.tree / file
        path.write_text(_config_map(path.stem, value))
        self.push(value)

    def push(self, message: str) -> None:
        """Everything that changed."""
        _git(self.tree, "add", "--all")
        _git(self.tree, "commit", "--quiet", "--message", message)
        _git(self.tree, "push", "--quiet", "origin", "main")


@dataclass(slots=True)
class Pass:
    """All applications asked at one commit; seconds.

    `fetch` until the commit was known, `found` from then until every application had its answer from the cache or had
    asked for the snapshot, `snapshot` for that, `total` until all was rendered.
    """

    fetch: float = 0.0
    found: float = 0.0
    snapshot: float = 0.0
    total: float = 0.0
    rendered: set[str] = field(default_factory=set)


class _TimedSources(GitSources):
    """Tells when a snapshot was asked for last, and how long the slowest took."""

    asked = 0.0
    slowest = 0.0

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        self.asked = began = time.monotonic()
        found = await super().snapshot(repo_url, commit)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return found


@dataclass(frozen=True, slots=True)
class _Bench:
    repo: Monorepo
    sources: _TimedSources
    room: RenderRoom
    specs: Mapping[str, AppSpec]
    known: dict[str, str] = field(default_factory=dict)

    async def look(self) -> Pass:
        """Fetch, then ask for every application, as the daemon does after a push."""
        began = time.monotonic()
        await self.sources.refs(self.repo.url, fresh=True)
        commit = await self.sources.commit(self.repo.url, "main")
        known = time.monotonic()
        done = Pass(fetch=known - began)
        answered = known
        self.sources.slowest, self.sources.asked = 0.0, known
        left = iter(self.repo.names())

        async def ask() -> None:
            nonlocal answered
            for name in left:
                await anyio.lowlevel.checkpoint()  # as between two passes: answers that came meanwhile have their turn
                rendered = await self.room.render(
                    self.specs[name], [commit], RenderTarget(), known=self.known.get(name, "")
                )
                self.known[name] = rendered.content
                if rendered.cached:
                    answered = time.monotonic()
                else:
                    done.rendered.add(name)

        async with anyio.create_task_group() as tasks:
            for _ in range(_AT_ONCE):
                tasks.start_soon(ask)
        done.found = max(answered, self.sources.asked) - known
        done.snapshot = self.sources.slowest
        done.total = time.monotonic() - known
        return done


async def monorepo_figures() -> list[Figure]:
    """Make the repository, look at it commit by commit, then start anew."""
    gc.freeze()  # as `gitopsd run` does: what was imported is looked at no more
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        repo = await anyio.to_thread.run_sync(make_monorepo, folder)
        (folder / "state").mkdir(mode=0o700)
        async with _opened(repo, folder / "state") as bench:
            first = await bench.look()
            single: list[Pass] = []
            floors: list[float] = []
            for number in range(_COMMITS):
                touched = repo.names()[7 + 111 * number]
                await anyio.to_thread.run_sync(repo.change, f"apps/{touched}/file-03.yaml", f"one-{number}")
                single.append(await bench.look())
                if single[-1].rendered != {touched}:
                    raise RuntimeError(f"a commit to {touched} rendered {sorted(single[-1].rendered)[:5]}")
                floors.append(await anyio.to_thread.run_sync(_bare_diff, repo))
            await anyio.to_thread.run_sync(repo.change, "shared/base/common-00.yaml", "all")
            shared = await bench.look()
        async with _opened(repo, folder / "state") as bench:
            again = await bench.look()
    return [
        Figure("first render of all", first.total, "s", note=f"{len(first.rendered)} renders"),
        *_of_single(single, floors),
        *_of_shared(shared, repo.users()),
        Figure("restart: renders", len(again.rendered), "", limit=0),
        Figure("… all answered after", again.total, "ms"),
    ]


def make_monorepo(folder: Path) -> Monorepo:
    """Write it and push its first commit. Blocks."""
    repo = Monorepo(folder / "tree", folder / "mono.git")
    base = repo.tree / "shared" / "base"
    base.mkdir(parents=True)
    for number in range(2):
        (base / f"common-{number:02d}.yaml").write_text(_config_map(f"common-{number:02d}", "0"))
    (base / "kustomization.yaml").write_text("resources: [common-00.yaml, common-01.yaml]\n")
    users = repo.users()
    for name in repo.names():
        app = repo.tree / "apps" / name
        app.mkdir(parents=True)
        files = [f"file-{number:02d}" for number in range(FILES_PER_APPLICATION - (name in users))]
        for file in files:
            (app / f"{file}.yaml").write_text(_config_map(file, "0"))
        if name in users:
            listed = "".join(f"  - {file}.yaml\n" for file in files)
            (app / "kustomization.yaml").write_text(f"resources:\n  - ../../shared/base\n{listed}namePrefix: {name}-\n")
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(repo.bare))
    _git(repo.tree, "init", "--quiet", "--initial-branch=main", ".")
    _git(repo.tree, "remote", "add", "origin", str(repo.bare))
    _git(repo.tree, "config", "gc.auto", "0")
    repo.push("first")
    return repo


@asynccontextmanager
async def _opened(repo: Monorepo, state: Path) -> AsyncGenerator[_Bench]:
    """The rooms that render, as after a start on this state folder."""
    binary = locate("", os.environ)
    if binary is None:
        raise RuntimeError("there is no render engine: run `make setup`")
    cache = RenderCache(Vault(str(state / "renders"), str(state / "cache.key")))
    await cache.open()
    plugins = PluginManager()
    plugins.load_installed()
    sources = _TimedSources(folder=state / "git")
    async with sources, EnginePool([binary], workers=2) as pool:
        renderers = plugins.renderers(pool)
        room = RenderRoom(renderers, sources, cache, SystemClock(), identity=identity(binary))
        yield _Bench(repo, sources, room, {name: _spec(repo, name) for name in repo.names()})


def _of_single(single: Sequence[Pass], floors: Sequence[float]) -> list[Figure]:
    slowest = max(single, key=lambda each: each.found)
    return [
        Figure("commit to one application: renders", max(len(each.rendered) for each in single), "", limit=1),
        Figure(
            "… found after the fetch, median",
            median([each.found for each in single]),
            "ms",
            median(floors),
            "git diff --name-only",
            limit=0.100,
            note=f"of {_COMMITS} commits; worst {shown(slowest.found, 'ms')}, fetch {shown(slowest.fetch, 'ms')}",
        ),
        Figure("… snapshot of the commit, median", median([each.snapshot for each in single]), "ms", limit=0.300),
        Figure("… all done after the fetch, median", median([each.total for each in single]), "ms"),
    ]


def _of_shared(shared: Pass, users: set[str]) -> list[Figure]:
    wrong = len(shared.rendered ^ users)
    note = f"all done after {shown(shared.total, 'ms')}"
    return [
        Figure("commit to the shared base: renders", len(shared.rendered), "", note=f"{len(users)} stand on it"),
        Figure("… too many or too few", wrong, "", limit=0, note=note),
    ]


def _bare_diff(repo: Monorepo) -> float:
    began = time.monotonic()
    _git(repo.bare, "diff", "--name-only", "main~1", "main")
    return time.monotonic() - began


def _spec(repo: Monorepo, name: str) -> AppSpec:
    source = Source(repo.url, f"apps/{name}", "main")
    return AppSpec(name=AppName(name), sources=(source,), destination=Destination(name="local", namespace=name))


def _config_map(name: str, value: str) -> str:
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: "{value}"\n  level: info\n'


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, check=True, capture_output=True)
