"""Argo CD's `source.kustomize` block, as parameters of the engine.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/ and `ApplicationSourceKustomize`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.plugin import JsonObject, JsonValue, Options, RenderError, RenderRequest, resolve_path, substitute

# Selector fields of a patch's target, as Kustomize spells them.
_TARGET: Final = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")
_REMOTE: Final = ("://", "git@", "git::", "?ref=", "?version=")
_REMOTE_HOSTS: Final = ("github.com/", "gitlab.com/", "bitbucket.org/", "www.github.com/")


def kustomize_params(request: RenderRequest) -> JsonObject:
    """The engine's parameters. Raises `RenderError` naming the key for anything unknown, ill-typed, remote or out of
    the repository.

    Blocks for a few system calls.
    """
    block = Options(request.options, "source.kustomize")
    # Which Kustomize runs is not the source's choice; the field is accepted because Argo CD's files have it.
    block.text("version")
    options: dict[str, JsonValue] = {
        **{key: block.text(key) for key in ("namePrefix", "nameSuffix", "namespace")},
        "images": block.texts("images"),
        "replicas": _replicas(block),
        "commonLabels": block.text_map("commonLabels"),
        "commonAnnotations": _annotations(block, request.environment),
        **{key: block.boolean(key) for key in _FLAGS},
        "patches": _patches(block, request),
        "components": _components(block, request),
    }
    kube_version, api_versions = block.text("kubeVersion"), block.texts("apiVersions")
    block.done()
    return {
        "root": request.root,
        "path": request.path,
        "options": options,
        "kube_version": kube_version or request.kube_version,
        "api_versions": api_versions or request.api_versions,
    }


_FLAGS: Final = (
    "forceCommonLabels",
    "forceCommonAnnotations",
    "labelWithoutSelector",
    "labelIncludeTemplates",
    "ignoreMissingComponents",
)


def _replicas(block: Options) -> Sequence[JsonObject]:
    found: list[JsonObject] = []
    for each in block.blocks("replicas"):
        found.append({"name": each.text("name"), "count": each.integer("count")})
        each.done()
    return found


def _annotations(block: Options, environment: Mapping[str, str]) -> JsonObject:
    found = block.text_map("commonAnnotations")
    if not block.boolean("commonAnnotationsEnvsubst"):
        return found
    return {name: substitute(value, environment) for name, value in found.items()}


def _patches(block: Options, request: RenderRequest) -> Sequence[JsonObject]:
    found: list[JsonObject] = []
    for each in block.blocks("patches"):
        patch: dict[str, JsonValue] = {}
        if each.has("target"):
            target = each.block("target")
            patch["target"] = {key: target.text(key) for key in _TARGET if target.has(key)}
            target.done()
        for key in ("patch", "path"):
            if each.text(key):
                patch[key] = each.text(key)
        if each.has("options"):
            patch["options"] = each.object("options")
        each.done()
        if "path" in patch:
            _inside(each.text("path"), each.where("path"), request)
        found.append(patch)
    return found


def _components(block: Options, request: RenderRequest) -> Sequence[str]:
    found = block.texts("components")
    for each in found:
        _inside(each, block.where("components"), request)
    return found


def _inside(path: str, what: str, request: RenderRequest) -> None:
    """Only files of the repository: what is remote would be fetched by the library with no check of ours (E1)."""
    if path.startswith(_REMOTE_HOSTS) or any(sign in path for sign in _REMOTE):
        raise RenderError(
            f"{what} {path!r} is remote, which is refused",
            hint="copy it into the repository and name it by its path",
        )
    resolve_path(request.root, path, base=request.path, what=what)
