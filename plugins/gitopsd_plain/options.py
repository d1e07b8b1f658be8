"""Argo CD's `source.directory` block.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/directory/ and `ApplicationSourceDirectory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitopsd.plugin import JsonObject, Options, RenderRequest, resolve_path, substitute


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """The block, checked.

    `ext_vars` and `tlas` are as the engine wants them, `libs` relative to the repository's root.
    """

    recurse: bool
    include: str
    exclude: str
    any_extension: bool
    ext_vars: Sequence[JsonObject]
    tlas: Sequence[JsonObject]
    libs: Sequence[str]
    uses_cluster: bool

    def params(self, request: RenderRequest) -> JsonObject:
        """The engine's parameters."""
        return {
            "root": request.root,
            "path": request.path,
            "recurse": self.recurse,
            "include": self.include,
            "exclude": self.exclude,
            "disable_extension_filter": self.any_extension,
            "jsonnet": {"ext_vars": self.ext_vars, "tlas": self.tlas, "libs": self.libs},
        }


def read_options(request: RenderRequest) -> DirectoryOptions:
    """Raises `RenderError` naming the key for anything that is unknown, of another type, or leads out of the
    repository.

    Blocks for a few system calls.
    """
    block = Options(request.options, "source.directory")
    jsonnet = block.block("jsonnet")
    options = DirectoryOptions(
        recurse=block.boolean("recurse"),
        include=block.text("include"),
        exclude=block.text("exclude"),
        any_extension=block.boolean("disableExtensionFilter"),
        ext_vars=_variables(jsonnet, "extVars", request.environment),
        tlas=_variables(jsonnet, "tlas", request.environment),
        libs=jsonnet.texts("libs"),
        uses_cluster="KUBE_" in str(request.options),
    )
    block.done()
    jsonnet.done()
    for lib in options.libs:
        resolve_path(request.root, lib, what=jsonnet.where("libs"))
    return options


def _variables(block: Options, key: str, environment: Mapping[str, str]) -> list[JsonObject]:
    found: list[JsonObject] = []
    for each in block.blocks(key):
        value = substitute(each.text("value"), environment)
        found.append({"name": each.text("name"), "value": value, "code": each.boolean("code")})
        each.done()
    return found
