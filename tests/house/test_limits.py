"""docs/limits.md says the numbers that the code goes by."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

ROOT: Final = Path(__file__).resolve().parents[2]
ROW: Final = re.compile(
    r"^\| (?P<what>[^|]+) \| (?P<limit>[^|]+) \| [^|]* \| `(?P<path>[\w/.]+)::(?P<name>[\w.]+)` \|$", re.MULTILINE
)
UNITS: Final = {
    "": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "ms": 1,
    "s": 1,
}
ROWS: Final = [match.groups() for match in ROW.finditer((ROOT / "docs" / "limits.md").read_text(encoding="utf-8"))]
# Limits that the code counts in another unit than people do.
COUNTED_IN: Final = {"gitopsd/store/sqlite.py::SqliteStore.max_megabytes": 1 << 20}


def in_python(path: str, name: str) -> object:
    """A constant of a module, or the default of a field or an argument of one of its classes."""
    found: object = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    head, _, field = name.partition(".")
    found = getattr(found, head)
    if not field:
        return found
    assert isinstance(found, type)
    if issubclass(found, BaseModel):
        return found.model_fields[field].default
    if is_dataclass(found):
        return next(each.default for each in fields(found) if each.name == field)
    return inspect.signature(found).parameters[field].default


def in_go(path: str, name: str) -> int:
    """A constant of a Go file, written as a number, perhaps shifted."""
    text = (ROOT / path).read_text(encoding="utf-8")
    match = re.search(rf"^\s*{name}\s*=\s*([\d_]+)(?:\s*<<\s*(\d+))?", text, re.MULTILINE)
    assert match, f"{path} has no {name}"
    return int(match[1].replace("_", "")) << int(match[2] or 0)


@pytest.mark.parametrize(("what", "limit", "path", "name"), ROWS, ids=[f"{row[2]}::{row[3]}" for row in ROWS])
def test_the_page_says_what_the_code_does(what: str, limit: str, path: str, name: str) -> None:
    number, _, unit = limit.partition(" ")
    told = int(number.replace(",", "")) * UNITS[unit]
    real = in_go(path, name) if path.endswith(".go") else in_python(path, name)
    assert isinstance(real, int | float), f"{path}::{name} is {real!r}"
    assert real * COUNTED_IN.get(f"{path}::{name}", 1) == told, what


def test_each_row_of_the_page_is_read() -> None:
    lines = [line for line in (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines() if "::" in line]
    assert len(ROWS) == len(lines) > 50
