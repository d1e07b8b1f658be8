"""Argo CD's `source.kustomize` block, as parameters of the engine.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/ and `ApplicationSourceKustomize`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.plugin import JsonObject, JsonValue, Options, RenderRequest, resolve_path, substitute
from gitopsd_kustomize.build_options import BuildOptions, read_build_options, restrictor

# Selector fields of a patch's target, as Kustomize spells them.
_TARGET: Final = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")
# What may be an address: the engine reads it strictly, and asks for what it names or refuses it.
_REMOTE: Final = ("://", "@", "git::", "?ref=", "?version=")
_REMOTE_HOSTS: Final = ("github.com/", "github.com:")


def kustomize_params(request: RenderRequest) -> JsonObject:
    """The engine's parameters. Raises `RenderError` naming the key for anything unknown, ill-typed or out of the
    repository.

    Blocks for a few system calls. Variables are put in where Argo CD puts them in: in images and commonLabels always,
    in commonAnnotations with commonAnnotationsEnvsubst.
    """
    block = Options(request.options, "source.kustomize")
    # Which Kustomize runs is not the source's choice; the field is accepted because Argo CD's files have it.
    block.text("version")
    options: dict[str, JsonValue] = {
        **{key: block.text(key) for key in ("namePrefix", "nameSuffix", "namespace")},
        "images": [substitute(image, request.environment) for image in block.texts("images")],
        "replicas": _replicas(block),
        "commonLabels": _substituted(block.text_map("commonLabels"), request.environment),
        "commonAnnotations": _annotations(block, request.environment),
        **{key: block.boolean(key) for key in _FLAGS},
        "patches": _patches(block, request),
        "components": _components(block, request),
    }
    build = _build(block)
    block.done()
    return {
        "root": request.root,
        "path": request.path,
        "options": options,
        "enable_helm": build.enable_helm,
        "load_restrictor": build.load_restrictor or "rootOnly",
        "kube_version": build.kube_version or request.kube_version,
        "api_versions": build.api_versions or request.api_versions,
        "seed": request.seed,
        "seed_time": request.seed_time,
    }


def _build(block: Options) -> BuildOptions:
    """What the fields say, and buildOptions where they say nothing."""
    given = read_build_options(block.text("buildOptions"), block.where("buildOptions"))
    written = block.text("loadRestrictor")
    return BuildOptions(
        enable_helm=block.boolean("enableHelm") if block.has("enableHelm") else given.enable_helm,
        load_restrictor=restrictor(written, block.where("loadRestrictor")) if written else given.load_restrictor,
        kube_version=block.text("kubeVersion") or given.kube_version,
        api_versions=block.texts("apiVersions") or given.api_versions,
    )


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
    return _substituted(found, environment) if block.boolean("commonAnnotationsEnvsubst") else found


def _substituted(found: Mapping[str, str], environment: Mapping[str, str]) -> JsonObject:
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
    """Check that a local path stays in the repository; addresses are the engine's to check (E1)."""
    if path.startswith(_REMOTE_HOSTS) or any(sign in path for sign in _REMOTE):
        return
    resolve_path(request.root, path, base=request.path, what=what)
