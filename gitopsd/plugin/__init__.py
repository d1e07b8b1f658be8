"""The public plugin API: everything that a plugin may import comes from here.

A plugin is a Python package with an entry point in the group `gitopsd.plugins` that implements hooks of `hookspecs`.
Hooks run once, at start-up, and return typed objects; gitopsd awaits those afterwards.
"""

from gitopsd.core.actions.action import Action, Change, Creation, Merge, Parameter
from gitopsd.core.errors import OperationError, PluginError, RenderError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import (
    JsonObject,
    JsonValue,
    boolean,
    integer,
    mapping,
    objects,
    sequence,
    string_map,
    text,
    value,
)
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.core.secret import Secret
from gitopsd.plugin.actions import ActionProvider
from gitopsd.plugin.command import NO_COMMANDS, CommandPlugin, CommandPlugins, Discover, ParameterAnnouncement
from gitopsd.plugin.discovery import Discovered, Discovering
from gitopsd.plugin.engine import Engine, EngineAnswer
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.globs import Glob, is_glob
from gitopsd.plugin.health import HealthCheck
from gitopsd.plugin.hookspecs import hookimpl
from gitopsd.plugin.masking import masked
from gitopsd.plugin.options import Options
from gitopsd.plugin.paths import ResolvedPath, resolve_path
from gitopsd.plugin.process import module_command
from gitopsd.plugin.renderer import Renderer, RenderRequest, RenderResult
from gitopsd.plugin.substitution import substitute
from gitopsd.plugin.supply import NOTHING, Given, Need, NeedKind, Supply
from gitopsd.plugin.yamltext import YamlText, decode_text, parse_json, parse_yaml, split_documents

__all__ = [
    "NOTHING",
    "NO_COMMANDS",
    "Action",
    "ActionProvider",
    "Change",
    "CommandPlugin",
    "CommandPlugins",
    "Creation",
    "Discover",
    "Discovered",
    "Discovering",
    "Engine",
    "EngineAnswer",
    "Given",
    "Glob",
    "Health",
    "HealthCheck",
    "HealthStatus",
    "JsonObject",
    "JsonValue",
    "Manifest",
    "Merge",
    "Need",
    "NeedKind",
    "OperationError",
    "Options",
    "Parameter",
    "ParameterAnnouncement",
    "PluginError",
    "Position",
    "Read",
    "ReadKind",
    "RenderError",
    "RenderRequest",
    "RenderResult",
    "Renderer",
    "ResolvedPath",
    "Secret",
    "Supply",
    "TracedRenderError",
    "YamlText",
    "boolean",
    "decode_text",
    "hookimpl",
    "integer",
    "is_glob",
    "mapping",
    "masked",
    "module_command",
    "objects",
    "parse_json",
    "parse_yaml",
    "resolve_path",
    "sequence",
    "split_documents",
    "string_map",
    "substitute",
    "text",
    "value",
]
