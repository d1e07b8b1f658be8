"""All applications as they are written, as `AppSpec`s that fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from gitopsd.config.apps import Surroundings, app_spec
from gitopsd.config.dependencies import Depending, check
from gitopsd.config.dependencies import written as dependencies
from gitopsd.config.entry import EntryPlace
from gitopsd.config.errors import Problems
from gitopsd.config.listing import Written
from gitopsd.config.validation import shown_path
from gitopsd.core.app import AppSpec
from gitopsd.core.ids import AppName, Position


class Listed(NamedTuple):
    """An application as written, with the folder of its file and whether that is the main file."""

    written: Written
    folder: str
    administrator: bool


def applications_of(listed: Sequence[Listed], around: Surroundings, problems: Problems) -> Iterator[AppSpec]:
    """Those without an error; what is wrong with the others is noted, warnings of all are."""
    first: dict[AppName, Position] = {}
    sound: list[Depending] = []
    for item in listed:
        errors_before = len(problems)
        depending = _application(item, around, problems)
        app = depending.app
        if app.name in first:
            name = shown_path((*item.written.metadata_path, "name"))
            problems.add(
                app.position,
                f"{name}: another application is called {app.name[:253]}",
                why=f"it stands at {first[app.name]}",
            )
        first.setdefault(app.name, app.position)
        for reason in app.unsupported:
            problems.warn(app.position, f"{app.name[:253]} is shown and left as it is: {reason}")
        if len(problems) == errors_before:
            sound.append(depending)
    stuck = check(sound)
    yield from (item.app for item in sound if item.app.name not in stuck)


def _application(item: Listed, around: Surroundings, problems: Problems) -> Depending:
    written = item.written
    place = EntryPlace(
        written.document, written.metadata_path, written.spec_path, item.folder, item.administrator, problems
    )
    depends_on = dependencies(written.metadata, written.spec, place)
    app = app_spec(written.metadata, written.spec, place, around)
    return Depending(replace(app, depends_on=tuple(each.dependency for each in depends_on)), place, depends_on)
