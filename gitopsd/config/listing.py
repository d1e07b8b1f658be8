"""What an included file holds: lists of applications, or Argo CD manifests, told apart document by document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.application import Entry, Manifest, Metadata, Spec
from gitopsd.config.models.main import Included
from gitopsd.config.models.project import ProjectManifest, ProjectSpec
from gitopsd.config.projects import WrittenProject
from gitopsd.config.validation import shown_path, validate
from gitopsd.core.jsonvalue import JsonValue, text

_LATER = frozenset({"ApplicationSet"})
_LISTS = frozenset({"List", "ApplicationList", "AppProjectList"})
_ARGO = "argoproj.io/v1alpha1"


@dataclass(frozen=True, slots=True)
class Written:
    """An application whose shape is right: its models, and the key paths of its metadata and its spec."""

    metadata: Entry | Metadata
    spec: Spec
    document: Document
    metadata_path: KeyPath
    spec_path: KeyPath


def entries(value: JsonValue, document: Document, path: KeyPath, problems: Problems) -> Iterator[Written]:
    """The applications of the list at `path`; each is judged alone."""
    if not isinstance(value, list):
        return
    for index, item in enumerate(value):
        here = (*path, index)
        entry = validate(Entry, item, document, here, problems)
        if entry is not None:
            yield Written(entry, entry, document, here, here)


def documents_of(documents: tuple[Document, ...], problems: Problems) -> Iterator[Written | WrittenProject]:
    """The applications and projects of an included file's documents; empty documents hold none."""
    for document in documents:
        value = document.value
        if value is None:
            continue
        if isinstance(value, list):
            yield from entries(value, document, (), problems)
        elif isinstance(value, dict) and ("kind" in value or "apiVersion" in value):
            yield from _manifest(value, document, (), problems)
        elif isinstance(value, dict):
            yield from _included(value, document, problems)
        else:
            problems.add(
                document.position(),
                "the file holds no applications",
                why="expected a list of applications, applications: with a list, or Argo CD Application manifests",
            )


def _included(value: dict[str, JsonValue], document: Document, problems: Problems) -> Iterator[Written]:
    listed = value.get("applications")
    # Entries are judged one by one below; here only the mapping around them is.
    frame = {**value, "applications": []} if isinstance(listed, list) else value
    validate(Included, frame, document, (), problems)
    yield from entries(listed, document, ("applications",), problems)


def _manifest(
    value: JsonValue, document: Document, path: KeyPath, problems: Problems
) -> Iterator[Written | WrittenProject]:
    if not isinstance(value, dict):
        problems.add(document.position(path), f"{shown_path(path)} is no manifest", why="expected a mapping")
        return
    kind = value.get("kind")
    if isinstance(kind, str) and kind in _LISTS:
        yield from _items(value, document, path, problems)
    elif kind == "Application":
        model = validate(Manifest, value, document, path, problems)
        if model is not None:
            yield Written(model.metadata, model.spec, document, (*path, "metadata"), (*path, "spec"))
    elif kind == "AppProject" and value.get("apiVersion") == _ARGO:
        yield from _project(value, document, path, problems)
    elif isinstance(kind, str) and kind in _LATER and value.get("apiVersion") == _ARGO:
        problems.warn(document.position(path), f"{kind} {_name(value)} is not supported yet: ignored")
    elif kind == "ConfigManagementPlugin":
        problems.add(
            document.position((*path, "kind")),
            f"{shown_path((*path, 'kind'))} cannot be used",
            why="included files bring no programs",
            hint="an entry `file: PATH` under plugins in the main file",
        )
    else:
        problems.add(
            document.position((*path, "kind")),
            f"{shown_path((*path, 'kind'))} cannot be used"
            if kind is not None
            else f"{shown_path((*path, 'kind'))} is missing",
            why="expected Application: other objects belong into the git repositories that applications name",
        )


def _project(
    value: dict[str, JsonValue], document: Document, path: KeyPath, problems: Problems
) -> Iterator[WrittenProject]:
    """Also one that is wrong, if its name can be read: it must not be taken for one that is not there."""
    model = validate(ProjectManifest, value, document, path, problems)
    name = model.metadata.name if model is not None else text(value, "metadata", "name")
    if name:
        spec = model.spec if model is not None else ProjectSpec()
        yield WrittenProject(name, spec, document, (*path, "metadata", "name"), (*path, "spec"))


def _items(
    value: dict[str, JsonValue], document: Document, path: KeyPath, problems: Problems
) -> Iterator[Written | WrittenProject]:
    items = value.get("items")
    if not isinstance(items, list):
        problems.add(
            document.position((*path, "items")), f"{shown_path((*path, 'items'))} is no list", why="expected manifests"
        )
        return
    for index, item in enumerate(items):
        here = (*path, "items", index)
        if isinstance(item, dict) and item.get("kind") in _LISTS:
            problems.add(document.position(here), f"{shown_path(here)} is a list in a list", why="expected a manifest")
            continue
        yield from _manifest(item, document, here, problems)


def _name(value: dict[str, JsonValue]) -> str:
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name[:253] if isinstance(name, str) and name.isprintable() else "without a name"
