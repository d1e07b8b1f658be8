"""What a render finds that it needs and cannot get itself: charts, remote bases, files of the web, plain text of
encrypted files, objects of the cluster (engine/PROTOCOL.md, "Needs").
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class NeedKind(enum.StrEnum):
    """What is needed; engine/PROTOCOL.md says which fields of `Need` each kind uses."""

    CHART = "chart"
    GIT = "git"
    HTTP = "http"
    DECRYPT = "decrypt"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One thing that a render needs. Fields that its kind does not use are empty."""

    kind: NeedKind
    url: str = ""
    name: str = ""
    version: str = ""
    root: str = ""
    path: str = ""
    format: str = ""
    api_version: str = ""
    object_kind: str = ""
    namespace: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to a need: the absolute `root` of an immutable folder, `content`, or why there is neither."""

    root: str = ""
    content: bytes | None = field(default=None, repr=False)
    error: str = ""
    hint: str = ""


class Supply(Protocol):
    """Gets what one render needs."""

    @property
    def roots(self) -> Mapping[str, str]:
        """The snapshots of the application's `ref` sources: `$name` → absolute folder."""
        ...

    async def get(self, need: Need) -> Given:
        """Never raises for a need that cannot be met: the answer says why."""
        ...


class NoSupply:
    """Meets no need; for renders of a bare folder."""

    roots: Mapping[str, str] = {}

    async def get(self, need: Need) -> Given:
        """Say that it is not there."""
        return Given(error=f"this render gets nothing from outside its folder, but needs a {need.kind}")


NOTHING: Supply = NoSupply()
