"""Rendering as the control room sees it: an application and its commits in, manifests out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gitopsd.core.app import AppSpec
from gitopsd.core.manifest import Rendered


@dataclass(frozen=True, slots=True)
class RenderTarget:
    """What the destination cluster tells a renderer: its version (`v1.36.3`) and served APIs (`apps/v1`,
    `apps/v1/Deployment`).
    """

    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


class Renderer(Protocol):
    """Chooses the renderer of each source, and remembers what a render read (design decision 2)."""

    async def render(
        self, spec: AppSpec, commits: Sequence[str], target: RenderTarget, *, use_cache: bool = True, known: str = ""
    ) -> Rendered:
        """The manifests of all sources of `spec` at `commits` (one for each source), concatenated in order.

        `known` is the `content` that the caller has already: should it still be right, the answer is `unchanged`.

        Raises `RenderError` (file:line of the fault) or `SourceError`; neither ever concerns another application.
        """
        ...
