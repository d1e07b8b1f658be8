"""The render engine as a plugin sees it (engine/PROTOCOL.md has the methods)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read
from gitopsd.plugin.supply import NOTHING, Supply


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """What a render method answered; `reads` are relative to the request's `root` and complete.

    `random` names templates and the functions in them that are not functions of their inputs.
    """

    manifests: tuple[Manifest, ...]
    reads: tuple[Read, ...]
    warnings: tuple[str, ...] = ()
    random: tuple[str, ...] = ()


class Engine(Protocol):
    """The pool of warm render workers."""

    async def call(self, method: str, params: JsonObject, *, deadline: float, supply: Supply = NOTHING) -> EngineAnswer:
        """Run `method` (helm, kustomize, jsonnet, directory, decode) within `deadline` seconds.

        What it turns out to need is asked of `supply`, and the method run again with it, each time within `deadline`.

        Raises `TracedRenderError` with file:line:column where the libraries tell and with what was read, and
        `RenderError` for a worker that died, with the reason.
        """
        ...
