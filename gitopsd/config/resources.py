"""From what is written under `resources` (and `ignoreDifferences` of an application) to values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gitopsd.config.models.resources import IgnoredFields, KindFilter, Resources
from gitopsd.core.app import Tracking
from gitopsd.core.customization import (
    ALWAYS_EXCLUDED,
    ActionRule,
    ChildRule,
    HealthRule,
    HealthTimeout,
    IgnoredStatus,
    KnownField,
    ResourceSettings,
)
from gitopsd.core.customization import KindFilter as KindFilterValue
from gitopsd.core.fieldpath import FieldPath, parse_path, parse_pointer
from gitopsd.core.ids import GroupKind, Position
from gitopsd.core.ignore import IgnoreRule, KindPattern

Refuse = Callable[[tuple[str | int, ...], str, str], None]
"""Notes that what stands at a path below cannot be used: (path, what, why)."""
At = Callable[[tuple[str | int, ...]], Position]


def resource_settings(model: Resources, tracking: Tracking, at: At, refuse: Refuse) -> ResourceSettings:
    """All of `resources`; what cannot be used is noted and left out."""
    return ResourceSettings(
        ignore_differences=ignore_rules(model.ignore_differences, ("ignoreDifferences",), at, refuse),
        ignore_updates=ignore_rules(model.ignore_resource_updates, ("ignoreResourceUpdates",), at, refuse),
        ignore_differences_on_updates=model.ignore_differences_on_resource_updates,
        ignore_aggregated_roles=model.ignore_aggregated_roles,
        ignore_status=IgnoredStatus(model.ignore_resource_status_field),
        exclusions=(*ALWAYS_EXCLUDED, *map(_filter, model.exclusions)),
        inclusions=tuple(map(_filter, model.inclusions)),
        known_fields=tuple(_known_fields(model, refuse)),
        health=tuple(_health(model, refuse, at)),
        health_tables=tuple(model.health_tables),
        health_folders=tuple(model.health_customizations),
        health_timeouts=tuple(
            HealthTimeout(KindPattern(item.group, item.kind), item.after) for item in model.health_timeouts
        ),
        actions=tuple(_actions(model, refuse, at)),
        action_files=tuple(model.action_customizations),
        children=tuple(_children(model, refuse)),
        mask_annotations=frozenset(model.mask_annotations),
        tracking=tracking,
    )


def ignore_rules(
    given: Sequence[IgnoredFields], path: tuple[str | int, ...], at: At, refuse: Refuse
) -> tuple[IgnoreRule, ...]:
    """The rules of a list at `path`."""
    found: list[IgnoreRule] = []
    for index, item in enumerate(given):
        place = (*path, index)
        paths = [
            *_parsed(item.json_pointers, parse_pointer, (*place, "jsonPointers"), refuse),
            *_parsed(item.paths, parse_path, (*place, "paths"), refuse),
        ]
        if not (item.json_pointers or item.paths or item.jq_path_expressions or item.managed_fields_managers):
            refuse(place, "names no field", "expected jsonPointers, paths, jqPathExpressions or managedFieldsManagers")
        found.append(
            IgnoreRule(
                KindPattern(item.group, item.kind),
                item.name,
                item.namespace,
                tuple(paths),
                tuple(item.jq_path_expressions),
                tuple(item.managed_fields_managers),
                at(place),
            )
        )
    return tuple(found)


def _parsed(
    given: Iterable[str], parse: Callable[[str], FieldPath], path: tuple[str | int, ...], refuse: Refuse
) -> list[FieldPath]:
    found: list[FieldPath] = []
    for index, text in enumerate(given):
        try:
            found.append(parse(text))
        except ValueError as error:
            refuse((*path, index), "cannot be used", str(error))
    return found


def _filter(model: KindFilter) -> KindFilterValue:
    return KindFilterValue(tuple(model.api_groups), tuple(model.kinds), tuple(model.clusters))


def _known_fields(model: Resources, refuse: Refuse) -> Iterable[KnownField]:
    for index, item in enumerate(model.known_type_fields):
        for path in _parsed([item.field], parse_path, ("knownTypeFields", index, "field"), refuse):
            yield KnownField(GroupKind(item.group, item.kind), path, item.type)


def _health(model: Resources, refuse: Refuse, at: At) -> Iterable[HealthRule]:
    for index, item in enumerate(model.health):
        place = ("health", index)
        if (item.lua is None) is (item.cel is None):
            refuse(place, "is no rule", "expected exactly one of lua and cel")
            continue
        language, source = ("lua", item.lua) if item.lua is not None else ("cel", item.cel)
        yield HealthRule(
            KindPattern(item.group, item.kind), language, source or "", item.use_open_libs, where=str(at(place))
        )


def _actions(model: Resources, refuse: Refuse, at: At) -> Iterable[ActionRule]:
    for index, item in enumerate(model.actions):
        place = ("actions", index)
        names = [each.name for each in item.definitions]
        if item.discovery_lua is None and not names:
            refuse(place, "is no rule", "expected discovery.lua or definitions")
            continue
        if len(set(names)) < len(names):
            refuse((*place, "definitions"), "name an action twice", "expected each name once")
            continue
        yield ActionRule(
            KindPattern(item.group, item.kind),
            item.discovery_lua or "",
            tuple((each.name, each.action_lua) for each in item.definitions),
            item.merge_builtin_actions,
            where=str(at(place)),
        )


def _children(model: Resources, refuse: Refuse) -> Iterable[ChildRule]:
    for index, item in enumerate(model.children):
        found: list[GroupKind] = []
        for number, written in enumerate(item.children):
            group, _, kind = written.rpartition("/")
            if not kind or "/" in group or "*" in written:
                refuse(("children", index, "children", number), "is no kind", "expected GROUP/KIND, or KIND alone")
            else:
                found.append(GroupKind(group, kind))
        yield ChildRule(GroupKind(item.group, item.kind), tuple(found))
