"""Every hook there is."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from gitopsd.plugin.actions import ActionProvider
from gitopsd.plugin.command import CommandPlugins
from gitopsd.plugin.engine import Engine
from gitopsd.plugin.health import HealthCheck
from gitopsd.plugin.renderer import Renderer

NAMESPACE = "gitopsd"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def gitopsd_renderers(  # type: ignore[empty-body]  # no body here
    engine: Engine | None, commands: CommandPlugins
) -> Sequence[Renderer]:
    """The renderers that the plugin brings; an implementation may leave out arguments that it has no use for.

    `engine` is None where gitopsd runs without its render engine; `commands` are what gitopsd.yaml declares under
    `plugins`.
    """


@hookspec
def gitopsd_health_checks() -> Sequence[HealthCheck]:  # type: ignore[empty-body]  # no body here
    """The judges of health that the plugin brings."""


@hookspec
def gitopsd_actions() -> Sequence[ActionProvider]:  # type: ignore[empty-body]  # a specification: plugins have the body
    """The actions on live objects that the plugin brings."""
