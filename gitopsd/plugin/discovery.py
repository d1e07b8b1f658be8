"""Renderers that look at a folder themselves to tell whether it is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gitopsd.core.manifest import Read
from gitopsd.plugin.renderer import RenderRequest


@dataclass(frozen=True, slots=True)
class Discovered:
    """Whether the folder is the renderer's, and what was looked at; None says that only the commit tells."""

    found: bool
    reads: tuple[Read, ...] | None = ()


@runtime_checkable
class Discovering(Protocol):
    """What a renderer may implement besides `Renderer`. It is asked before all markers are looked for."""

    @property
    def name(self) -> str:
        """The renderer's name."""
        ...

    @property
    def discovers(self) -> bool:
        """Whether it is to be asked at all."""
        ...

    async def discover(self, request: RenderRequest) -> Discovered:
        """Look at the request's folder. Raises `RenderError` where that is not possible."""
        ...
