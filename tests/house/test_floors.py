"""The libraries that are linked at run time are not older than their known holes (U4)."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import ssl
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pygit2
import pytest

from gitopsd.render.engine import locate

ROOT = Path(__file__).resolve().parent.parent.parent
# Bundled C libraries as they were linked, Python packages, and Go modules of our programs: none older than this.
LINKED = {"libgit2": (1, 9, 7), "OpenSSL": (3, 0, 0), "SQLite": (3, 35, 0)}
PACKAGES = {"starlette": (1, 3, 1), "aiohttp": (3, 14, 1), "h11": (0, 16)}
MODULES = {"helm.sh/helm/v4": (4, 1, 4), "oras.land/oras-go/v2": (2, 6, 2)}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def linked() -> dict[str, tuple[int, ...]]:
    """The versions that are linked now."""
    return {
        "libgit2": numbers(pygit2.LIBGIT2_VERSION),
        "OpenSSL": ssl.OPENSSL_VERSION_INFO[:3],
        "SQLite": numbers(sqlite3.sqlite_version),
    }


def too_old(found: Mapping[str, tuple[int, ...]], floors: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [f"{name} {found[name]} < {floor}" for name, floor in floors.items() if found[name] < floor]


def test_U4_what_is_linked_is_not_older_than_its_floor() -> None:
    assert too_old(linked(), LINKED) == []
    assert too_old({name: numbers(version(name)) for name in PACKAGES}, PACKAGES) == []


def test_U4_an_older_library_is_found() -> None:
    assert too_old({**linked(), "libgit2": (1, 9, 6)}, LINKED) == ["libgit2 (1, 9, 6) < (1, 9, 7)"]


def test_U4_the_go_modules_are_not_older_than_their_floors() -> None:
    listed = dict(
        re.findall(r"^\s*(?:require )?(\S+) v(\d+\.\d+\.\d+)", (ROOT / "engine" / "go.mod").read_text(), re.MULTILINE)
    )
    assert too_old({name: numbers(listed[name]) for name in MODULES}, MODULES) == []


def test_U4_the_engine_tells_what_it_was_linked_with() -> None:
    engine = locate("", os.environ)
    if engine is None:
        assert not os.environ.get("CI"), "the render engine is missing: run `make setup`"
        pytest.skip("the render engine is not built: run `make setup`")
    greeting = json.loads(subprocess.run([engine, "--version"], check=True, capture_output=True, timeout=30).stdout)
    assert numbers(greeting["libraries"]["helm"]) >= MODULES["helm.sh/helm/v4"]


@pytest.mark.parametrize("module", ["github.com/hashicorp/go-getter", "github.com/go-git/go-git/v5"])
def test_E9_no_all_purpose_fetcher_is_linked(module: str) -> None:
    for program in ("engine", "localcluster"):
        assert module not in (ROOT / program / "go.mod").read_text(encoding="utf-8")
