"""The official renderer of Kustomize."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsd.plugin import Engine, Renderer, hookimpl
from gitopsd_kustomize.renderer import KustomizeRenderer


@hookimpl
def gitopsd_renderers(engine: Engine | None) -> Sequence[Renderer]:
    """The renderer `kustomize`."""
    return [KustomizeRenderer(engine)]
