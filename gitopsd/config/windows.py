"""`syncWindows` of a project, as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.project import SyncWindow as Model
from gitopsd.config.validation import shown_path
from gitopsd.core.window import SyncWindow, WindowKind
from gitopsd.cron.expression import BadScheduleError, Cron, time_zone

EXPECTED_GLOB: Final = "expected a glob of *, ? and [a-z]"
# What other globs know and these do not: a pattern that silently fits nothing would leave its rule out.
_NO_GLOB: Final = frozenset("{}\\!")
_LISTS: Final = ("applications", "namespaces", "clusters")


def is_glob(text: str) -> bool:
    """Whether it is one that we understand."""
    return _NO_GLOB.isdisjoint(text)


def windows_of(
    models: Sequence[Model], document: Document, path: KeyPath, problems: Problems
) -> tuple[SyncWindow, ...]:
    """The windows; what is wrong with one is noted, and that it means no application is a warning."""
    return tuple(_window(model, document, (*path, index), problems) for index, model in enumerate(models))


def _window(model: Model, document: Document, path: KeyPath, problems: Problems) -> SyncWindow:
    def refuse(below: KeyPath, why: str) -> None:
        whole = (*path, *below)
        problems.add(document.position(whole), f"{shown_path(whole)} cannot be used", why=why)

    try:
        time_zone(model.time_zone)
    except BadScheduleError as error:
        refuse(("timeZone",), str(error))
    try:
        Cron(model.schedule, "UTC")
    except BadScheduleError as error:
        refuse(("schedule",), str(error))
    if model.duration <= 0:
        refuse(("duration",), "expected a duration of more than 0s")
    lists = (model.applications, model.namespaces, model.clusters)
    for name, globs in zip(_LISTS, lists, strict=True):
        for index, glob in enumerate(globs):
            if not is_glob(glob):
                refuse((name, index), EXPECTED_GLOB)
    if not any(lists):
        problems.warn(
            document.position(path),
            f"{shown_path(path)} means no application: expected {', '.join(_LISTS[:-1])} or {_LISTS[-1]}",
        )
    return SyncWindow(
        kind=WindowKind(model.kind),
        schedule=" ".join(model.schedule.split()),
        seconds=model.duration,
        time_zone=model.time_zone,
        applications=tuple(model.applications),
        namespaces=tuple(model.namespaces),
        clusters=tuple(model.clusters),
        and_operator=model.and_operator,
        manual_sync=model.manual_sync,
        sync_overrun=model.sync_overrun,
        description=model.description,
    )
