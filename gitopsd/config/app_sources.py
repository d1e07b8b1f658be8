"""`source` and `sources` of an application, as values of the core."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitopsd.config.document import KeyPath
from gitopsd.config.entry import EntryPlace
from gitopsd.config.locations import LocationError, Locations
from gitopsd.config.models.application import Spec
from gitopsd.config.models.source import Source as SourceModel
from gitopsd.core.app import Source
from gitopsd.core.errors import shown_url
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.repo_url import valid_revision

RENDERER_BLOCKS = ("helm", "kustomize", "directory", "plugin")

# `1.*`, `>=1.2 <2`, `^1.2`: Argo CD matches these with tags.
_VERSION_CONSTRAINT = re.compile(r"(?=.*[*<>=~^|])[vV0-9*<>=~^!][0-9A-Za-z.*<>=~^!|, +-]*", re.ASCII)


def app_sources(spec: Spec, place: EntryPlace, locations: Locations, unsupported: list[str]) -> tuple[Source, ...]:
    """The application's sources in order; what is wrong is noted at `place`, what cannot be honoured in
    `unsupported`."""
    if spec.source_hydrator is not None:
        unsupported.append("sourceHydrator is not supported yet")
        return _hydrated(spec, place, locations)
    if spec.sources:
        return tuple(
            _source(model, ("sources", index), place, locations, unsupported)
            for index, model in enumerate(spec.sources)
        )
    if spec.source is not None:
        return (_source(spec.source, ("source",), place, locations, unsupported),)
    place.refuse((), f"{place.shown()} has no source", why="expected source or sources")
    return ()


def _hydrated(spec: Spec, place: EntryPlace, locations: Locations) -> tuple[Source, ...]:
    hydrator = spec.source_hydrator
    if hydrator is None:
        return ()
    address = hydrator.sync_source.repo_url or hydrator.dry_source.repo_url
    url = _url(address, ("sourceHydrator", "drySource", "repoURL"), place, locations)
    return (Source(url, hydrator.sync_source.path or ".", hydrator.sync_source.target_branch or "HEAD"),)


def _source(
    model: SourceModel, path: KeyPath, place: EntryPlace, locations: Locations, unsupported: list[str]
) -> Source:
    shown = place.local(path)
    unsupported.extend(f"{shown}.{reason}" for reason in _unsupported(model))
    renderer, options = _renderer(model, path, place)
    if not (model.chart or model.repo_url.startswith("oci://")):
        _check_path(model.path, (*path, "path"), place)
        url = _url(model.repo_url, (*path, "repoURL"), place, locations)
    else:
        # Nothing reads it: the application is only shown.
        url = shown_url(model.repo_url)
    _check_revision(model, (*path, "targetRevision"), place)
    return Source(url, model.path or ".", model.target_revision or "HEAD", renderer, options)


def _unsupported(model: SourceModel) -> Iterator[str]:
    if model.chart:
        yield "chart is not supported yet: charts come from git for now"
    elif model.repo_url.startswith("oci://"):
        yield "repoURL is an OCI registry, which is not supported yet"
    elif _VERSION_CONSTRAINT.fullmatch(model.target_revision):
        yield "targetRevision is a version constraint, which is not supported yet"
    if model.ref:
        yield "ref is not supported yet"
    if model.tag_prefix:
        yield "tagPrefix is not supported yet"
    if model.plugin is not None and not model.plugin.name:
        yield "plugin without a name (discovery) is not supported yet"


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
    return (model.plugin.name if model.plugin is not None and chosen[0] == "plugin" else chosen[0]), options


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
