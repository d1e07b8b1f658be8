"""Floor of a hard refresh: the render engine alone, everything asked at once on its pipe."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final

import orjson

from benchmarks.workload import Workload
from gitopsd.core.ids import Position
from gitopsd.core.manifest import Manifest
from gitopsd.render.engine import locate

_HEAD: Final = struct.Struct(">I")
_METHODS: Final = {"plain": "directory", "kustomize": "kustomize", "helm": "helm"}


@dataclass(frozen=True, slots=True)
class BareRender:
    """The manifests of each application, and how many seconds they took from the start of the engine."""

    rendered: Mapping[str, list[Manifest]]
    seconds: float


def render_all(workload: Workload) -> BareRender:
    """Render the work tree once. Raises RuntimeError if the engine is missing or refuses."""
    binary = locate("", os.environ)
    if binary is None:
        raise RuntimeError("there is no render engine: run `make setup`")
    names = workload.names()
    started = time.monotonic()
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as engine:
        if engine.stdin is None or engine.stdout is None:
            raise RuntimeError("the engine has no pipes")
        _receive(engine.stdout)  # the greeting
        asking = threading.Thread(target=_ask, args=(engine.stdin, workload, names))
        asking.start()
        found = dict(_answer(engine.stdout, names) for _ in names)
        seconds = time.monotonic() - started
        asking.join()
        engine.stdin.close()
    return BareRender({name: found[name] for name in names}, seconds)


def _ask(pipe: IO[bytes], workload: Workload, names: list[str]) -> None:
    for number, name in enumerate(names):
        params = {"root": str(workload.tree), "path": name}
        if workload.kind(name) == "helm":
            params |= {"release_name": name, "namespace": name}
        raw = orjson.dumps({"id": number + 1, "method": _METHODS[workload.kind(name)], "params": params})
        pipe.write(_HEAD.pack(len(raw)) + raw)
    pipe.flush()


def _answer(pipe: IO[bytes], names: list[str]) -> tuple[str, list[Manifest]]:
    answer = orjson.loads(_receive(pipe))
    name = names[answer["id"] - 1]
    if "result" not in answer:
        raise RuntimeError(f"the engine could not render {name}: {answer['error']}")
    return name, [Manifest(item["object"], Position(item["file"])) for item in answer["result"]["manifests"]]


def _receive(pipe: IO[bytes]) -> bytes:
    (size,) = _HEAD.unpack(pipe.read(_HEAD.size))
    return pipe.read(size)
