"""Renders per second through the plugins and the engine, against forks of the official programs on the same inputs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from benchmarks.figures import Figure
from gitopsd.plugin import Renderer, RenderRequest
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.engine import locate
from gitopsd.render.pool import EnginePool
from tools.golang import ORIGINALS_PLACE

_SECONDS: Final = 1.5
_FORKS: Final = 12
_IN_FLIGHT: Final = 8
_SMALL, _LARGE = 2, 150
# Of the time of a fork.
_SMALL_LIMIT: Final = 1 / 20
_NEVER_SLOWER: Final = 1.0


_PATCH: Final = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web-0}
spec:
  template:
    spec:
      containers:
        - name: main
          env: [{name: MODE, value: patched}]
"""


@dataclass(frozen=True, slots=True)
class Input:
    """A source and the command that renders it; `limit` is the aim for a render's share of a fork's time."""

    name: str
    renderer: str
    path: str
    command: tuple[str, ...]
    limit: float
    stdin: str = ""


def missing_originals() -> list[str]:
    """The official programs that are compared with and that nobody built."""
    return [name for name in ("helm", "kustomize", "decoder") if not (ORIGINALS_PLACE / name).exists()]


async def render_figures() -> list[Figure]:
    """Raises RuntimeError if the engine or an official program is missing."""
    if lacking := missing_originals():
        raise RuntimeError(f"not built: {', '.join(lacking)}; run `make originals`")
    found = []
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        inputs = _make(root)
        for workers in (1, 2):
            forks = {each.name: _forked(each, root, workers) for each in inputs}
            async with EnginePool([_engine()], workers=workers, in_flight=_IN_FLIGHT) as pool:
                renderers = {each.name: each for each in _renderers(pool)}
                for each in inputs:
                    rate = await _rendered(each, renderers[each.renderer], root, workers)
                    found.append(_figure(each, workers, rate, forks[each.name]))
    return found


def _engine() -> str:
    binary = locate("", os.environ)
    if binary is None:
        raise RuntimeError("there is no render engine: run `make setup`")
    return binary


def _renderers(pool: EnginePool) -> Sequence[Renderer]:
    plugins = PluginManager()
    plugins.load_installed()
    return plugins.renderers(pool)


async def _rendered(each: Input, renderer: Renderer, root: Path, workers: int) -> float:
    """Renders per second, after a first one."""
    request = RenderRequest("bench", "bench", str(root), each.path, {}, kube_version="v1.36.3")
    await renderer.render(request)
    done = 0
    ends = time.monotonic() + _SECONDS

    async def work() -> None:
        nonlocal done
        while time.monotonic() < ends:
            await renderer.render(request)
            done += 1

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for _ in range(workers * _IN_FLIGHT):
            tasks.start_soon(work)
    return done / (time.monotonic() - began)


def _forked(each: Input, root: Path, at_once: int) -> float:
    """Forks per second, `at_once` of them at a time."""

    def fork(_: int) -> None:
        subprocess.run(
            [str(ORIGINALS_PLACE / each.command[0]), *each.command[1:]],
            cwd=root,
            input=each.stdin.encode(),
            env={"HOME": str(root), "PATH": os.defpath},
            check=True,
            capture_output=True,
        )

    fork(0)
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(fork, range(_FORKS)))
    return _FORKS / (time.monotonic() - began)


def _figure(each: Input, workers: int, rate: float, forks: float) -> Figure:
    return Figure(
        f"{each.name}, {workers} worker{'s' if workers > 1 else ''}",
        1 / rate,
        "ms",
        1 / forks,
        f"{each.command[0]} forked",
        limit=each.limit,
        of_ratio=True,
        note=f"{rate:,.0f} renders/s, {forks:,.0f} forks/s, {rate / forks:,.0f} times as many",
    )


def _make(root: Path) -> list[Input]:
    """Write the sources below `root`; what is plain has no official renderer but kubectl's decoder."""
    (root / ".git").mkdir()
    found = []
    for size, count, limit in (("small", _SMALL, _SMALL_LIMIT), ("large", _LARGE, _NEVER_SLOWER)):
        plain, kustomize, helm = f"plain-{size}", f"kustomize-{size}", f"helm-{size}"
        manifests = {f"{number:03d}.yaml": _deployment(f"web-{number}") for number in range(count)}
        _write(root / plain, manifests)
        listed = "".join(f"  - {name}\n" for name in manifests)
        _write(root / f"{kustomize}-base", {**manifests, "kustomization.yaml": f"resources:\n{listed}"})
        edits = "namePrefix: own-\nlabels:\n  - pairs: {team: bench}\nimages:\n  - {name: nginx, newTag: '2'}\n"
        edits += "patches:\n  - path: patch.yaml\n"
        _write(
            root / kustomize, {"kustomization.yaml": f"resources: [../{kustomize}-base]\n{edits}", "patch.yaml": _PATCH}
        )
        templates = {f"templates/{name}": _templated(text) for name, text in manifests.items()}
        values = "image: nginx\ntag: '2'\nreplicas: 3\n"
        _write(root / helm, {**templates, "Chart.yaml": _chart(helm), "values.yaml": values})
        files = "".join(f"{root / plain / name}\n" for name in manifests)
        found += [
            Input(f"plain, {size}", "directory", plain, ("decoder",), limit, files),
            Input(f"kustomize, {size}", "kustomize", kustomize, ("kustomize", "build", kustomize), limit),
            Input(f"helm, {size}", "helm", helm, ("helm", "template", "bench", helm, "--include-crds"), limit),
        ]
    return found


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _chart(name: str) -> str:
    return f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


def _templated(text: str) -> str:
    text = text.replace("image: nginx:1", 'image: "{{ .Values.image }}:{{ .Values.tag }}"')
    return text.replace("name: web", "name: {{ .Release.Name }}-web").replace(
        "replicas: 1", "replicas: {{ .Values.replicas }}"
    )


def _deployment(name: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: nginx:1
          ports: [{{containerPort: 8080}}]
          env: [{{name: MODE, value: bench}}]
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{memory: 64Mi}}}}
"""
