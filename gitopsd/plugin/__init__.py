"""The public plugin API: everything that a plugin may import comes from here.

A plugin is a Python package with an entry point in the group `gitopsd.plugins` that implements hooks of `hookspecs`. Hooks run
once, at start-up, and return typed objects; gitopsd awaits those afterwards.
"""

from gitopsd.core.errors import PluginError, RenderError
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, mapping, objects, sequence, string_map, text, value
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.plugin.engine import Engine, EngineAnswer
from gitopsd.plugin.hookspecs import hookimpl
from gitopsd.plugin.renderer import Renderer, RenderRequest, RenderResult

__all__ = [
    "Engine",
    "EngineAnswer",
    "JsonObject",
    "JsonValue",
    "Manifest",
    "PluginError",
    "Position",
    "Read",
    "ReadKind",
    "RenderError",
    "RenderRequest",
    "RenderResult",
    "Renderer",
    "boolean",
    "hookimpl",
    "integer",
    "mapping",
    "objects",
    "sequence",
    "string_map",
    "text",
    "value",
]
