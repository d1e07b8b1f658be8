"""The health tables that come with gitopsd: `bundled/<API group>.yaml`, its cases beside it."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Final

from gitopsd.core.health.table import Table
from gitopsd.core.ids import GroupKind
from gitopsd.rules.tables import GroupTables, read_tables

_FOLDER: Final = files("gitopsd.rules") / "bundled"


_ANY: Final = "any."


@functools.cache
def bundled_files() -> frozenset[str]:
    """The files of tables, by name without `.yaml`: a group, or `any.DOMAIN` for all groups that end in `.DOMAIN`."""
    names = [item.name for item in _FOLDER.iterdir()]
    return frozenset(
        name.removesuffix(".yaml") for name in names if name.endswith(".yaml") and not name.endswith(".cases.yaml")
    )


@functools.cache
def read_bundled(file: str) -> GroupTables:
    """The tables of one of `bundled_files`; read at the first question (1 to 5 ms), so ask in a thread."""
    return read_tables((_FOLDER / f"{file}.yaml").read_text(encoding="utf-8"), f"{file}.yaml")


def file_for(group: str) -> str | None:
    """The file that speaks of an API group: its own, else that of the nearest domain above it; None if there is none.

    `s3.services.k8s.aws` has none of its own and is found in `any.services.k8s.aws`.
    """
    if group in bundled_files():
        return group
    domain = group
    while "." in domain:
        domain = domain.partition(".")[2]
        if _ANY + domain in bundled_files():
            return _ANY + domain
    return None


def bundled_table(group: str, kind: str) -> Table | None:
    """The table for a kind, or for every kind (`*`) of its group; None where nothing is bundled."""
    file = file_for(group)
    if file is None:
        return None
    tables = read_bundled(file).tables
    return tables.get(kind) or tables.get("*")


def bundled_children(kind: GroupKind) -> tuple[GroupKind, ...]:
    """The kinds that the controller of `kind` makes below it, as far as something is bundled; reads a file as above."""
    file = file_for(kind.group)
    return read_bundled(file).children.get(kind.kind, ()) if file is not None else ()
