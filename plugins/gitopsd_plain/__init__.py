"""The official renderer of plain YAML, JSON and Jsonnet folders."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsd.plugin import Engine, Renderer, hookimpl
from gitopsd_plain.renderer import DirectoryRenderer


@hookimpl
def gitopsd_renderers(engine: Engine | None) -> Sequence[Renderer]:
    """The renderer `directory`, which every source without another one gets."""
    return [DirectoryRenderer(engine)]
