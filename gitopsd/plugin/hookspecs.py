"""Every hook there is."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from gitopsd.plugin.engine import Engine
from gitopsd.plugin.renderer import Renderer

NAMESPACE = "gitopsd"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def gitopsd_renderers(engine: Engine | None) -> Sequence[Renderer]:  # type: ignore[empty-body]  # no body here
    """The renderers that the plugin brings. `engine` is None where gitopsd runs without its render engine."""
