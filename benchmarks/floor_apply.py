"""The floor of a first sync: a bare client that server-side-applies the same objects, and does nothing else.

`python -m benchmarks.floor_apply CLUSTER_FOLDER OBJECTS.jsonl` for itself; `floor_apply` from another program.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio

from benchmarks.floor import Floor, ensure_done, in_fresh_process, measure, print_floor

IN_FLIGHT: Final = 32
APPLY: Final = "application/apply-patch+yaml"
# As gitopsd asks.
QUERY: Final = "fieldManager=gitopsd&force=true&fieldValidation=Warn"
# (apiVersion, kind) → plural, of what the benchmark's applications are made of.
_PLURALS: Final = {
    ("v1", "Namespace"): "namespaces",
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("apps/v1", "Deployment"): "deployments",
}


def floor_apply(cluster: Path, objects: Path, in_flight: int = IN_FLIGHT) -> Floor:
    """Apply `objects` (JSON, one object with its namespace per line) to an empty cluster, in a fresh process.

    Their namespaces are made first and counted. Raises `FloorError`.
    """
    return in_fresh_process("benchmarks.floor_apply", cluster, str(objects), str(in_flight))


def write_objects(path: Path, objects: Iterable[bytes]) -> None:
    """The input of `floor_apply`, from objects as JSON without line breaks."""
    path.write_bytes(b"".join(b"%s\n" % each for each in objects))


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    cluster, objects = Path(arguments[0]), Path(arguments[1])
    in_flight = int(arguments[2]) if len(arguments) > 2 else IN_FLIGHT
    requests = _requests(objects)
    namespaces = [_namespace(name) for name in sorted({namespace for namespace, _, _ in requests} - {""})]
    others = [(path, body) for _, path, body in requests]

    async def work(session: aiohttp.ClientSession) -> int:
        await _apply_all(session, namespaces, in_flight)
        await _apply_all(session, others, in_flight)
        return len(namespaces) + len(others)

    print_floor(measure(cluster, work))
    return 0


async def _apply_all(session: aiohttp.ClientSession, requests: Iterable[tuple[str, bytes]], in_flight: int) -> None:
    """As many workers as requests may be in flight, all taking from one iterator."""
    left = iter(requests)
    headers = {"Content-Type": APPLY}

    async def work() -> None:
        for path, body in left:
            async with session.patch(f"{path}?{QUERY}", data=body, headers=headers) as response:
                await ensure_done(response)

    async with anyio.create_task_group() as tasks:
        for _ in range(in_flight):
            tasks.start_soon(work)


def _requests(objects: Path) -> list[tuple[str, str, bytes]]:
    """(namespace, path, body) of each object."""
    found = []
    for line in objects.read_bytes().splitlines():
        parsed = json.loads(line)
        found.append((parsed["metadata"].get("namespace", ""), path_of(parsed), line))
    return found


def path_of(parsed: Mapping[str, Any]) -> str:
    """The path of a parsed object at the API server."""
    version, metadata = parsed["apiVersion"], parsed["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    plural = _PLURALS[version, parsed["kind"]]
    return f"{root}{space}/{plural}/{metadata['name']}"


def _namespace(name: str) -> tuple[str, bytes]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return path_of(body), json.dumps(body, separators=(",", ":")).encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
