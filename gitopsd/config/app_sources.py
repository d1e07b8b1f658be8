"""`source` and `sources` of an application, as values of the core."""

from __future__ import annotations

import re

from gitopsd.config.document import KeyPath
from gitopsd.config.entry import EntryPlace
from gitopsd.config.locations import LocationError, Locations
from gitopsd.config.models.application import Spec
from gitopsd.config.models.source import Source as SourceModel
from gitopsd.core.app import Source
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.origin import OCI
from gitopsd.core.repo_url import valid_revision

RENDERER_BLOCKS = ("helm", "kustomize", "directory", "plugin")

_CHART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*", re.ASCII)
_REF = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# A registry as Argo CD's users write it, without a scheme: `registry.example.org:5000/charts`.
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)

# `1.*`, `>=1.2 <2`, `^1.2`: Argo CD matches these with tags.
_VERSION_CONSTRAINT = re.compile(r"(?=.*[*<>=~^|])[vV0-9*<>=~^!][0-9A-Za-z.*<>=~^!|, +-]*", re.ASCII)


def app_sources(spec: Spec, place: EntryPlace, locations: Locations, unsupported: list[str]) -> tuple[Source, ...]:
    """The application's sources in order; what is wrong is noted at `place`, what cannot be honoured in
    `unsupported`."""
    if spec.source_hydrator is not None:
        unsupported.append("sourceHydrator is not supported yet")
        return _hydrated(spec, place, locations)
    if spec.sources:
        _check_refs(spec.sources, place)
        return tuple(_source(model, ("sources", index), place, locations) for index, model in enumerate(spec.sources))
    if spec.source is not None:
        return (_source(spec.source, ("source",), place, locations),)
    place.refuse((), f"{place.shown()} has no source", why="expected source or sources")
    return ()


def _hydrated(spec: Spec, place: EntryPlace, locations: Locations) -> tuple[Source, ...]:
    hydrator = spec.source_hydrator
    if hydrator is None:
        return ()
    address = hydrator.sync_source.repo_url or hydrator.dry_source.repo_url
    url = _url(address, ("sourceHydrator", "drySource", "repoURL"), place, locations)
    return (Source(url, hydrator.sync_source.path or ".", hydrator.sync_source.target_branch or "HEAD"),)


def _source(model: SourceModel, path: KeyPath, place: EntryPlace, locations: Locations) -> Source:
    renderer, options = _renderer(model, path, place)
    _check_names(model, path, place)
    if model.chart:
        url, revision = _chart_place(model, path, place, locations)
    else:
        _check_path(model.path, (*path, "path"), place)
        url = _url(model.repo_url, (*path, "repoURL"), place, locations)
        revision = model.target_revision or ("latest" if url.startswith(OCI) else "HEAD")
    _check_revision(model, (*path, "targetRevision"), place)
    return Source(
        url,
        model.path or ".",
        revision,
        renderer,
        options,
        chart=model.chart,
        ref=model.ref,
        name=model.name,
        tag_prefix=model.tag_prefix,
        renders=bool(model.path or model.chart or not model.ref),
    )


def _chart_place(model: SourceModel, path: KeyPath, place: EntryPlace, locations: Locations) -> tuple[str, str]:
    """URL and version of a chart."""
    if not _CHART.fullmatch(model.chart):
        place.refuse((*path, "chart"), f"{place.shown((*path, 'chart'))} cannot be used", why="expected a chart's name")
    for other in ("path", "ref"):
        if getattr(model, other):
            place.refuse(
                (*path, other),
                f"{place.shown((*path, other))} stands beside chart",
                why="a chart is a whole source of its own",
                key=True,
            )
    address = model.repo_url.rstrip("/")
    if address.startswith(("https://", "http://")):
        # A Helm repository may lie at its host's root, which no git repository does.
        address = _url(f"{address}/index.yaml", (*path, "repoURL"), place, locations).removesuffix("/index.yaml")
    elif not _REGISTRY.fullmatch(address.removeprefix(OCI)):
        where = (*path, "repoURL")
        place.refuse(
            where,
            f"{place.shown(where)} cannot be used",
            why="expected https://…, oci://host/path, or a registry's host/path, because chart is set",
        )
    return address, model.target_revision or "*"


def _check_names(model: SourceModel, path: KeyPath, place: EntryPlace) -> None:
    if model.ref and not _REF.fullmatch(model.ref):
        place.refuse(
            (*path, "ref"), f"{place.shown((*path, 'ref'))} cannot be used", why="expected letters, digits, - and _"
        )
    if model.tag_prefix and not valid_revision(model.tag_prefix.rstrip("/") or "/"):
        place.refuse(
            (*path, "tagPrefix"),
            f"{place.shown((*path, 'tagPrefix'))} cannot be used",
            why="expected the beginning of a tag's name",
        )


def _check_refs(models: list[SourceModel], place: EntryPlace) -> None:
    """Two sources of one name would leave open which one a value file means."""
    first: dict[str, int] = {}
    for index, model in enumerate(models):
        if model.ref and first.setdefault(model.ref, index) != index:
            here = ("sources", index, "ref")
            place.refuse(
                here, f"{place.shown(here)} is the ref of another source too", why=f"of sources[{first[model.ref]}]"
            )


def _renderer(model: SourceModel, path: KeyPath, place: EntryPlace) -> tuple[str, JsonObject]:
    """The explicitly chosen renderer's name, and its block as written, keys without a value left out."""
    chosen = [block for block in RENDERER_BLOCKS if getattr(model, block) is not None]
    if not chosen:
        return "", {}
    if len(chosen) > 1:
        place.refuse(
            (*path, chosen[1]),
            f"{place.shown((*path, chosen[1]))} stands beside {chosen[0]}",
            why=f"expected one of {', '.join(RENDERER_BLOCKS)}",
            key=True,
        )
    block = mapping(place.value((*path, chosen[0])))
    options = {key: item for key, item in block.items() if item is not None}
    # A plugin without a name is whichever discovers the folder; that is what "plugin" means as a renderer.
    named = model.plugin.name if model.plugin is not None and chosen[0] == "plugin" else ""
    return named or chosen[0], options


def _url(address: str, path: KeyPath, place: EntryPlace, locations: Locations) -> str:
    try:
        return locations.resolve(address, place.folder, administrator=place.administrator)
    except LocationError as problem:
        place.refuse(path, f"{place.shown(path)} cannot be used", why=problem.why, hint=problem.hint)
        return ""


def _check_path(text: str, path: KeyPath, place: EntryPlace) -> None:
    parts = text.split("/")
    if text.startswith("/") or ".." in parts or "\\" in text or not text.isprintable():
        place.refuse(
            path, f"{place.shown(path)} cannot be used", why="expected a folder in the repository, relative to its root"
        )


def _check_revision(model: SourceModel, path: KeyPath, place: EntryPlace) -> None:
    revision = model.target_revision
    if not revision or _VERSION_CONSTRAINT.fullmatch(revision) or valid_revision(revision):
        return
    place.refuse(path, f"{place.shown(path)} cannot be used", why="expected a branch, a tag, a commit id or HEAD")
