"""Whose folder a commit touched: an order for the work that it means, never a reason to leave any out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

Name = TypeVar("Name")


def touched(changed: Iterable[str], folders: Mapping[Name, Collection[str]]) -> list[Name]:
    """Those of `folders` (name → paths in the repository, "." for its root) that hold one of the `changed` paths.

    What a render reads besides its own folder is not known here. Costs the changed paths and one look-up per folder.
    """
    above = {folder for path in changed for folder in _above(path)}
    return [name for name, paths in folders.items() if not above.isdisjoint(map(_plain, paths))]


def _above(path: str) -> Iterable[str]:
    """The path itself and every folder that it is in."""
    yield "."
    while path:
        yield path
        path = path.rpartition("/")[0]


def _plain(path: str) -> str:
    """`./apps/one/` → `apps/one`, as git would write it."""
    return "/".join(part for part in path.split("/") if part not in ("", ".")) or "."
