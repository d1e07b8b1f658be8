"""What one object costs on the ways that every object takes: `python -m benchmarks.micro` prints it alone."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Final

import orjson

from benchmarks.figures import Figure, table
from benchmarks.wanted import kinds, spec_of
from gitopsd.core.compare import compare
from gitopsd.core.desired import desired
from gitopsd.core.ids import GVK, Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.live import Live
from gitopsd.core.manifest import Desired, Manifest
from gitopsd.core.ownership import FIELD_MANAGER
from gitopsd.kube.index import Index
from gitopsd.kube.objects import from_raw

_OBJECTS: Final = 200
_REPEATS: Final = 7
_MANY: Final = 5_000
_APP: Final = "micro"
_CONFIGMAP: Final = GVK("", "v1", "ConfigMap")


def figures() -> list[Figure]:
    """Seconds for one object, each the median of several repetitions."""
    manifests = [_manifest(number) for number in range(_OBJECTS)]
    spec, known = spec_of(_APP), kinds()
    wanted = desired(spec, manifests, known)
    lines = [_live(item.document.body(), 1) for item in wanted.objects]
    live = Live({found.key: found for found in (from_raw(line, _CONFIGMAP) for line in lines)})
    before = compare(wanted, live)
    if not before.synced:
        raise RuntimeError("the fast path does not see that nothing differs: nothing worth measuring")
    return [
        Figure("desired(): a manifest to what is applied", _each(lambda: desired(spec, manifests, known)), "µs"),
        Figure("compare(), fast path", _each(lambda: compare(wanted, live)), "µs"),
        Figure("compare(), nothing changed since", _nothing_changed() / _MANY, "µs", limit=1e-6),
        Figure("a watch event into the index", _events(wanted), "µs"),
    ]


def _nothing_changed() -> float:
    """Seconds to compare an application of many objects with what a cluster shows anew, each object as it was."""
    wanted = desired(spec_of(_APP), [_manifest(number) for number in range(_MANY)], kinds())
    lines = [_live(item.document.body(), 1) for item in wanted.objects]
    found = {one.key: one for one in (from_raw(line, _CONFIGMAP) for line in lines)}
    before = compare(wanted, Live(found))
    shown = [Live(dict(found)) for _ in range(_REPEATS + 1)]
    return _times(lambda: compare(wanted, shown.pop(), previous=before))


def _events(wanted: Desired) -> float:
    """Parse and keep one event of each object, in which only the resourceVersion is new."""
    index = Index()
    index.want(spec_of(_APP).name, [item.key for item in wanted.objects])
    index.begin(_CONFIGMAP.group_kind)
    index.end(_CONFIGMAP.group_kind)
    bodies = [item.document.body() for item in wanted.objects]
    rounds = iter([[_live(body, version) for body in bodies] for version in range(1, _REPEATS + 2)])

    def put() -> None:
        for line in next(rounds):
            index.put(line, orjson.loads(line), _CONFIGMAP)

    return _each(put)


def _each(action: Callable[[], object]) -> float:
    return _times(action) / _OBJECTS


def _times(action: Callable[[], object]) -> float:
    action()
    times: list[float] = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(_REPEATS):
            began = time.perf_counter()
            action()
            times.append(time.perf_counter() - began)
    finally:
        gc.enable()
    return statistics.median(times)


def _manifest(number: int) -> Manifest:
    labels: JsonObject = {"app.kubernetes.io/name": "micro", "app.kubernetes.io/part-of": "bench"}
    data: JsonObject = {f"key-{key}": f"value {key}" for key in range(5)}
    metadata: JsonObject = {"name": f"micro-{number}", "labels": labels}
    body: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    return Manifest(body, Position("micro.yaml", 1))


def _live(body: JsonObject, version: int) -> bytes:
    """As a server gives it back: with the fields that it sets, and who owns which."""
    metadata = body["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError("an object without metadata")
    owned: JsonObject = {
        "f:data": _fields(body["data"]),
        "f:metadata": {"f:labels": _fields(metadata["labels"]), "f:annotations": _fields(metadata["annotations"])},
    }
    entry: JsonObject = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
    }
    server: JsonObject = {
        "uid": f"00000000-0000-0000-0000-{metadata['name']}",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [entry],
    }
    return orjson.dumps({**body, "metadata": {**metadata, **server}})


def _fields(value: JsonValue) -> JsonObject:
    return {f"f:{key}": {} for key in value} if isinstance(value, dict) else {}


if __name__ == "__main__":
    print(table([("Per object", "Time"), *(figure.row()[:2] for figure in figures())]))
