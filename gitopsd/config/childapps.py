"""`Application` manifests that an application renders, as `AppSpec`s."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gitopsd.config.apps import Surroundings, app_spec
from gitopsd.config.dependencies import written as dependencies
from gitopsd.config.document import Document, Node
from gitopsd.config.entry import EntryPlace
from gitopsd.config.errors import Problems
from gitopsd.config.locations import is_relative
from gitopsd.config.models.application import Manifest as Model
from gitopsd.config.models.application import Spec
from gitopsd.config.validation import validate
from gitopsd.core.app import AppSpec
from gitopsd.core.manifest import Manifest


@dataclass(slots=True)
class _Mark:
    """A place as libyaml counts: from 0."""

    line: int
    column: int


def child_application(manifest: Manifest, around: Surroundings) -> AppSpec:
    """The application that an `Application` manifest from git describes. Raises `ConfigErrors` with everything that is
    wrong; the place of each is that of the whole manifest, the key path is in the message.

    Nothing of the environment is put into it (`${NAME}` stays as it is), and its repositories are no local folders but
    those that the administrator allows to everybody.
    """
    origin = manifest.origin
    document = Document(origin.file, Node(manifest.body, _Mark(origin.line - 1, origin.column - 1)))
    problems = Problems(origin.file)
    model = validate(Model, manifest.body, document, (), problems)
    problems.raise_if_any()
    if model is None:
        raise AssertionError("a manifest without a model has problems")
    place = EntryPlace(document, ("metadata",), ("spec",), "", False, problems)
    for address in _addresses(model.spec):
        if is_relative(address):
            place.refuse(
                (),
                f"{place.shown()} names a repository by a relative path",
                why="a manifest from git stands in no folder",
                hint="the repository's URL",
            )
    problems.raise_if_any()
    depends_on = dependencies(model.metadata, model.spec, place)
    app = app_spec(model.metadata, model.spec, place, around)
    problems.raise_if_any()
    return replace(app, depends_on=tuple(each.dependency for each in depends_on))


def _addresses(spec: Spec) -> Iterator[str]:
    for source in (spec.source, *spec.sources):
        if source is not None:
            yield source.repo_url
    if spec.source_hydrator is not None:
        yield spec.source_hydrator.dry_source.repo_url
        yield spec.source_hydrator.sync_source.repo_url
