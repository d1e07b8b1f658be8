"""The process that evaluates users' expressions, as it is."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gitopsd.core.customization import HealthRule
from gitopsd.core.document import Document
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.ignore import KindPattern
from gitopsd.core.live import LiveObject
from gitopsd.render.engine import locate
from gitopsd.render.pool import EnginePool
from gitopsd.rules.expressions import Expressions


@pytest.fixture(scope="session")
def engine() -> str:
    found = locate("", os.environ)
    if found is None:
        assert not os.environ.get("CI"), "the engine is missing: run `make setup`"
        pytest.skip("the engine is not built: run `make setup`")
    return found


@pytest.fixture
async def pool(engine: str) -> AsyncIterator[EnginePool]:
    async with EnginePool((engine, "rules"), memory_limit=256 << 20) as pool:
        yield pool


@pytest.fixture
def expressions(pool: EnginePool) -> Expressions:
    return Expressions(pool.ask)


def lua(source: str, kind: str = "Widget", group: str = "example.org", where: str = "health.lua") -> HealthRule:
    return HealthRule(KindPattern(group, kind), "lua", source, True, where)


def cel(source: str, kind: str = "Widget", group: str = "example.org", where: str = "rule") -> HealthRule:
    return HealthRule(KindPattern(group, kind), "cel", source, False, where)


def body(kind: str = "Widget", name: str = "web", api_version: str = "example.org/v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def document(kind: str = "Widget", **fields: Any) -> Document:
    return Document(json.dumps(body(kind, **fields)).encode())


def live(kind: str = "Widget", *, version: str = "1", deleting: bool = False, **fields: Any) -> LiveObject:
    shown = body(kind, **fields)
    shown["metadata"] |= {"uid": f"uid-{shown['metadata']['name']}", "resourceVersion": version}
    if deleting:
        shown["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    gvk = GVK.parse(shown["apiVersion"], kind)
    return LiveObject(
        ObjectKey(gvk.group, kind, "", shown["metadata"]["name"]),
        gvk,
        shown["metadata"]["uid"],
        version,
        Document(json.dumps(shown).encode()),
        deleting=deleting,
    )
