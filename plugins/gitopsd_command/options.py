"""A source's `plugin` block, as the environment of the commands.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/config-management-plugins/ and
`ApplicationSourcePlugin`. The environment is the build environment, `ARGOCD_ENV_*`, the parameters, what the
declaration names, and a PATH of ours; nothing of the daemon's. As with Argo CD, a variable without a value is not set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gitopsd.plugin import CommandPlugin, JsonObject, JsonValue, Options, RenderError, RenderRequest, substitute

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Linux takes no longer one: 32 pages, with its name.
_LONGEST: Final = 131_071
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """The block, checked. `named`: whether the source names the plugin, so that its discovery has not been asked."""

    named: bool
    environment: Mapping[str, str]


def read_options(request: RenderRequest, plugin: CommandPlugin) -> PluginOptions:
    """Raises `RenderError` naming the key for anything that is unknown, of another type, or no variable."""
    block = Options(request.options, "source.plugin")
    named = bool(block.text("name"))
    variables = dict(request.environment)
    for each in block.blocks("env"):
        name = each.text("name")
        variables[f"ARGOCD_ENV_{name}"] = substitute(each.text("value"), request.environment)
        each.done()
    if request.options:
        variables.update(_parameters(block))
    block.done()
    given = {name: secret.reveal() for name, secret in plugin.environment}
    wanted = {name: text for name, text in variables.items() if text}
    environment = {"PATH": PATH, **wanted, **given}
    for name, text in environment.items():
        _check(name, text)
    return PluginOptions(named, environment)


def _parameters(block: Options) -> Iterator[tuple[str, str]]:
    """The parameters one by one, and all of them as JSON (`null` where there are none)."""
    written: list[JsonObject] = []
    for each in block.blocks("parameters"):
        name = each.text("name")
        variable = f"PARAM_{_escaped(name)}"
        parameter: dict[str, JsonValue] = {"name": name}
        if each.has("string"):
            parameter["string"] = each.text("string")
            yield variable, each.text("string")
        if each.has("map"):
            parameter["map"] = each.text_map("map")
            yield from ((f"{variable}_{_escaped(key)}", text) for key, text in each.text_map("map").items())
        if each.has("array"):
            parameter["array"] = each.texts("array")
            yield from ((f"{variable}_{index}", text) for index, text in enumerate(each.texts("array")))
        each.done()
        written.append(parameter)
    everything = json.dumps(written or None, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    yield "ARGOCD_APP_PARAMETERS", everything


def _escaped(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name.upper())


def _check(name: str, text: str) -> None:
    if "=" in name or "\0" in name or "\0" in text:
        raise RenderError(
            f"source.plugin: {name!r} cannot be an environment variable",
            hint="names have no =, and neither names nor values a NUL character",
        )
    if len(name.encode(errors="surrogateescape")) + len(text.encode(errors="surrogateescape")) >= _LONGEST:
        raise RenderError(
            f"source.plugin: the environment variable {name} is larger than the system takes",
            hint=f"keep it below {_LONGEST} bytes; put larger values into a file of the repository",
        )
