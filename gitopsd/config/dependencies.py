"""What applications wait for, as it is written: `dependsOn`, and the annotation `gitopsd.io/depends-on`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.config.document import KeyPath
from gitopsd.config.entry import EntryPlace
from gitopsd.config.models.application import Entry, Metadata, Spec
from gitopsd.config.models.dependency import Dependency as Model
from gitopsd.config.models.dependency import from_text
from gitopsd.config.validation import nearest, shown_path
from gitopsd.core.annotations import DEPENDS_ON
from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.dependency import cycles, edges
from gitopsd.core.ids import GVK, AppName, Position
from gitopsd.core.repo_url import valid_revision

_EXPECTED: Final = "expected app, or apiVersion, kind and name of an object"
_API_VERSION: Final = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?v[0-9][a-z0-9]{0,62}", re.ASCII)
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}", re.ASCII)
# Among ten thousand names each takes a tenth of a second.
_MOST_HINTS: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WrittenDependency:
    """One dependency and where it stands; `shown` is its key path."""

    dependency: Dependency
    position: Position
    shown: str


@dataclass(frozen=True, slots=True)
class Depending:
    """An application, its place, and what it waits for."""

    app: AppSpec
    place: EntryPlace
    written: tuple[WrittenDependency, ...]


def written(metadata: Entry | Metadata, spec: Spec, place: EntryPlace) -> tuple[WrittenDependency, ...]:
    """All that one application waits for, each once; what cannot be used is noted at `place`."""
    found: dict[Dependency, WrittenDependency] = {}
    for model, path in _models(metadata, spec, place):
        item = WrittenDependency(_dependency(model), place.document.position(path), shown_path(path))
        if why := _wrong(model):
            place.problems.add(item.position, f"{item.shown} cannot be used", why=why)
        else:
            found.setdefault(item.dependency, item)
    return tuple(found.values())


def check(listed: Sequence[Depending]) -> frozenset[AppName]:
    """Note applications that wait for one another, or for one that does not exist; the names of those applications."""
    return frozenset({*_lost(listed), *_circular(listed)})  # in this order: a circle hides no name that is unknown


def _models(metadata: Entry | Metadata, spec: Spec, place: EntryPlace) -> Iterator[tuple[Model, KeyPath]]:
    for index, model in enumerate(spec.depends_on):
        yield model, (*place.spec, "dependsOn", index)
    path = (*place.metadata, "annotations", DEPENDS_ON)
    for text in metadata.annotations.get(DEPENDS_ON, "").split(","):
        if text.strip():
            yield Model.model_validate(from_text(text)), path


def _dependency(model: Model) -> Dependency:
    return Dependency(
        app=AppName(model.app),
        revision=model.revision,
        gvk=GVK.parse(model.api_version, model.kind) if model.kind else None,
        namespace=model.namespace,
        name=model.name,
        ready=model.ready.strip(),
    )


def _wrong(model: Model) -> str:
    """What was expected instead; "" if it can be used."""
    of_object = model.api_version or model.kind or model.name or model.namespace or model.ready
    if model.app:
        if of_object:
            return "expected either an application or an object"
        if model.revision and not valid_revision(model.revision):
            return "expected a commit id, or the beginning of one, as the revision"
        return ""
    if model.revision or not of_object:
        return _EXPECTED
    if not (_API_VERSION.fullmatch(model.api_version) and _KIND.fullmatch(model.kind) and _NAME.fullmatch(model.name)):
        return _EXPECTED
    return "" if not model.namespace or _NAME.fullmatch(model.namespace) else "expected the name of a namespace"


def _circular(listed: Sequence[Depending]) -> Iterator[AppName]:
    by_name = {item.app.name: item for item in listed}
    for cycle in cycles(edges(item.app for item in listed)):
        steps = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
        places = [_step(by_name[name], following) for name, following in steps]
        told = " → ".join(
            [*(f"{name} ({place.position})" for name, place in zip(cycle, places, strict=True)), cycle[0]]
        )
        what = "waits for itself" if len(cycle) == 1 else "waits for an application that waits for it"
        by_name[cycle[0]].place.problems.add(
            places[0].position,
            f"{places[0].shown}: {cycle[0][:253]} {what}",
            why=told,
            hint="leave one of these out",
        )
        yield from cycle


def _step(item: Depending, following: AppName) -> WrittenDependency:
    return next(each for each in item.written if each.dependency.app == following)


def _lost(listed: Sequence[Depending]) -> Iterator[AppName]:
    names = tuple(item.app.name for item in listed)
    known = frozenset(names)
    if listed and len(listed[0].place.problems):
        # An application with errors may be the one that is missed: that is said first.
        return
    hints = 0
    for item in listed:
        for each in item.written:
            app = each.dependency.app
            if not app or app in known:
                continue
            hints += 1
            near = nearest(app, names) if hints <= _MOST_HINTS else ""
            item.place.problems.add(
                each.position,
                f"{each.shown}: there is no application {app[:253]}",
                why="it is waited for",
                hint=f"{near}, the nearest one" if near else "the name of an application, or leave it out",
            )
            yield item.app.name
