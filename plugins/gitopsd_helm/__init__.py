"""The official renderer of Helm charts."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsd.plugin import Engine, Renderer, hookimpl
from gitopsd_helm.renderer import HelmRenderer


@hookimpl
def gitopsd_renderers(engine: Engine | None) -> Sequence[Renderer]:
    """The renderer `helm`."""
    return [HelmRenderer(engine)]
