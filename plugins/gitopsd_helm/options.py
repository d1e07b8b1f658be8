"""Argo CD's `source.helm` block, as parameters of the engine.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/helm/ and `ApplicationSourceHelm`. Precedence, lowest first:
the chart's values, valueFiles, values, valuesObject (instead of values), parameters, fileParameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.plugin import (
    JsonObject,
    JsonValue,
    Options,
    RenderError,
    RenderRequest,
    is_glob,
    parse_yaml,
    resolve_path,
    substitute,
)

# Accepted because Argo CD's files have them: Helm's version is not the source's choice, and nothing is fetched with
# credentials here.
_WITHOUT_EFFECT: Final = ("version",)
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://|:)")
_WEB: Final = ("http", "https")
_REFERENCE: Final = re.compile(r"\$[A-Za-z0-9_-]+(?=/|\Z)")


def helm_params(request: RenderRequest) -> JsonObject:
    """The engine's parameters. Raises `RenderError` naming the key for anything unknown, ill-typed, or out of the
    repository.

    Blocks for a few system calls. Source of the rules of valueFiles: "Helm value files" of Argo CD's user guide.
    """
    block = Options(request.options, "source.helm")
    for key in _WITHOUT_EFFECT:
        block.text(key)
    block.boolean("passCredentials")
    value_files = block.where("valueFiles")
    params: dict[str, JsonValue] = {
        "root": request.root,
        "path": request.path,
        "release_name": block.text("releaseName") or request.app,
        # `helm template` without a namespace says `default`, and charts make host names of it.
        "namespace": block.text("namespace") or request.namespace or "default",
        "value_files": [_file(value_files, each, request, globs=True) for each in block.texts("valueFiles")],
        "ignore_missing_value_files": block.boolean("ignoreMissingValueFiles"),
        "values": _values(block),
        "parameters": _parameters(block, request.environment),
        "file_parameters": _file_parameters(block, request),
        "skip_crds": block.boolean("skipCrds"),
        "skip_tests": block.boolean("skipTests"),
        "skip_schema_validation": block.boolean("skipSchemaValidation"),
        "kube_version": block.text("kubeVersion") or request.kube_version,
        "api_versions": block.texts("apiVersions") or request.api_versions,
        "seed": request.seed,
        "seed_time": request.seed_time,
        "lookup": request.lookup,
    }
    block.done()
    return params


def _values(block: Options) -> Sequence[JsonObject]:
    """Inline values: `valuesObject` if there is one, else the YAML text in `values`."""
    written = block.text("values")
    if block.has("valuesObject"):
        return [block.object("valuesObject")]
    try:
        found = parse_yaml(written, file=block.where("values"))
    except RenderError as error:
        raise RenderError(f"{block.where('values')} is not valid YAML", where=error.where, why=error.what) from None
    if found is None:
        return []
    if not isinstance(found, Mapping):
        raise block.wrong("values", "YAML text that holds a mapping", found)
    return [found]


def _file(what: str, written: str, request: RenderRequest, *, globs: bool = False) -> str:
    """A file by its name as the engine takes it: a path of the chart or the repository, `$name/…` of another source, or
    a URL of the web. Variables are put in before globs are looked at, and never name a source.
    """
    reference = _REFERENCE.match(written)
    if reference and reference[0] in request.supply.roots:
        return _file_of_source(what, written, reference[0], request, globs=globs)
    if reference and reference[0][1:] not in request.environment:
        raise RenderError(
            f"{what} {written!r} refers to the source {reference[0]}, which the application does not have",
            hint=f"give one of the application's sources `ref: {reference[0][1:]}`, or correct the name",
        )
    named = substitute(written, request.environment)
    url = _URL.match(named)
    if url and url[1].lower() in _WEB:
        return named
    if url or named.startswith("file:"):
        raise RenderError(
            f"{what} {written!r} leaves the repository",
            hint="name the file by its path in the repository, or by an http:// or https:// URL",
        )
    resolve_path(request.root, _before_glob(named) if globs else named, base=request.path, what=what)
    return named


def _file_of_source(what: str, written: str, name: str, request: RenderRequest, *, globs: bool) -> str:
    below = substitute(written.removeprefix(name), request.environment)
    if not below.strip("/"):
        raise RenderError(
            f"{what} {written!r} names no file of the source {name}", hint=f"write {name}/path/of/the/file"
        )
    resolve_path(request.supply.roots[name], _before_glob(below) if globs else below, what=f"{what} {written!r}, path")
    return name + below


def _before_glob(path: str) -> str:
    """The folders of `path` before its first part with a special character."""
    parts: list[str] = []
    for part in path.split("/"):
        if is_glob(part):
            return "/".join(parts) + ("/" if path.startswith("/") else "")
        parts.append(part)
    return path


def _parameters(block: Options, environment: Mapping[str, str]) -> Sequence[JsonObject]:
    found: list[JsonObject] = []
    for each in block.blocks("parameters"):
        value = substitute(each.text("value"), environment)
        found.append({"name": each.text("name"), "value": value, "forceString": each.boolean("forceString")})
        each.done()
    return found


def _file_parameters(block: Options, request: RenderRequest) -> Sequence[JsonObject]:
    found: list[JsonObject] = []
    for each in block.blocks("fileParameters"):
        found.append({"name": each.text("name"), "path": _file(each.where("path"), each.text("path"), request)})
        each.done()
    return found
