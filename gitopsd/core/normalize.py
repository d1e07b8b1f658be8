"""What of an object counts when git and cluster are compared: everything but what rules take out of both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.customization import IgnoredStatus, KnownField, ResourceSettings
from gitopsd.core.document import canonical
from gitopsd.core.fieldpath import FieldPath, Found, fields_at
from gitopsd.core.fieldset import children, owned_fields, without, without_owned
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.knowntypes import Typed, fields_of_type, meaning, typed_fields
from gitopsd.core.ownership import applied_fields, unchanged

_BOOKKEEPING: Final = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}
)
_DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_STATUS: Final[FieldPath] = ("status",)


@dataclass(frozen=True, slots=True)
class CompareRules:
    """How one application is compared: the system's and its own `ignoreDifferences`, and what else is said of kinds.

    With `mutations` what webhooks do to an object counts too (`IncludeMutationWebhook=true`).
    """

    ignore: tuple[IgnoreRule, ...] = ()
    status: IgnoredStatus = IgnoredStatus.ALL
    known: tuple[KnownField, ...] = ()
    mutations: bool = False

    @classmethod
    def of(cls, settings: ResourceSettings, own: tuple[IgnoreRule, ...], *, mutations: bool = False) -> CompareRules:
        """The rules of an application with `own` ignoreDifferences."""
        ignore = (*settings.ignore_differences, *own)
        return cls(ignore, settings.ignore_status, settings.known_fields, mutations)

    def object(self, key: ObjectKey) -> ObjectRules:
        """What of them speaks of one object."""
        fitting = [rule for rule in self.ignore if rule.fits(key)]
        kind = key.group_kind
        said = [typed for field in self.known if field.kind == kind for typed in fields_of_type(field.path, field.type)]
        paths = [path for rule in fitting for path in rule.paths]
        if self.status is IgnoredStatus.ALL or (self.status is IgnoredStatus.CRD and kind == _DEFINITION):
            paths.append(_STATUS)
        return ObjectRules(
            tuple(paths),
            frozenset(manager for rule in fitting for manager in rule.managers),
            tuple(expression for rule in fitting for expression in rule.jq),
            (*typed_fields(kind), *said),
        )


NO_RULES: Final = CompareRules()
"""Everything counts but `status`."""


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """What does not count of one object: fields by path, by the managers that own them, by jq expression; and which
    fields are compared by what they mean.
    """

    paths: tuple[FieldPath, ...]
    managers: frozenset[str]
    jq: tuple[str, ...]
    typed: tuple[Typed, ...]

    @property
    def ignores(self) -> bool:
        """Whether it takes out anything but the status."""
        return bool(self.managers or any(path != _STATUS for path in self.paths))

    def ignored(self, body: JsonObject, live: JsonObject) -> Iterator[Found]:
        """The fields of `body` that do not count, those of jq expressions left out; `live` says who owns what."""
        for path in self.paths:
            yield from fields_at(body, path)
        for entry in objects(live, "metadata", "managedFields") if self.managers else ():
            if text(entry, "manager") in self.managers:
                yield from owned_fields(mapping(entry, "fieldsV1"), body)

    def counted(self, body: JsonObject, live: JsonObject, more: Iterable[Found] = ()) -> JsonObject:
        """`body` without what does not count (and without the fields `more`), quantities and durations in one form."""
        return self._meant(without(body, [*self.ignored(body, live), *more]))

    def proves_unchanged(
        self, desired: JsonObject, live: JsonObject, more_desired: Sequence[Found] = (), more_live: Sequence[Found] = ()
    ) -> bool:
        """`ownership.unchanged` of what counts; `more_…` are the fields that jq expressions found in each side."""
        owned = applied_fields(live, text(desired, "apiVersion"))
        if owned is None:
            return False
        ignored_desired = [*self.ignored(desired, live), *more_desired]
        ignored_live = [*self.ignored(live, live), *more_live]
        left = without_owned(without_owned(owned, live, ignored_live), desired, ignored_desired)
        return unchanged(
            self._meant(without(desired, ignored_desired)), self._meant(without(live, ignored_live)), owned=left
        )

    def digest(self, live: JsonObject) -> str:
        """32 hex digits that are equal where all that counts for a dry-run is: content and ownership, without the times
        and versions that every write changes, and without the status unless it counts.
        """
        counted = content(self.counted(live, live))
        owners = [self._owner(entry) for entry in objects(live, "metadata", "managedFields")]
        whole: JsonObject = {"object": counted, "owners": [entry for entry in owners if entry]}
        return hashlib.blake2b(canonical(whole), digest_size=16).hexdigest()

    def _owner(self, entry: JsonObject) -> JsonObject:
        """An entry of managedFields without its time; empty for one that only says who wrote the status."""
        fields = mapping(entry, "fieldsV1")
        if _STATUS in self.paths:
            fields = {name: item for name, item in fields.items() if name != "f:status"}
            if not children(fields):
                return {}
        kept = {key: item for key, item in entry.items() if key not in ("time", "fieldsV1")}
        return {**kept, "fieldsV1": fields}

    def _meant(self, body: JsonObject) -> JsonObject:
        left: JsonValue = body
        for path, type_name in self.typed:
            for field in list(fields_at(left, path)):
                left = _replaced(left, field, type_name)
        return left if isinstance(left, dict) else body


def content(body: JsonObject) -> JsonObject:
    """The object without what every write changes."""
    kept = {key: item for key, item in mapping(body, "metadata").items() if key not in _BOOKKEEPING}
    return {**body, "metadata": kept}


def _replaced(here: JsonValue, field: Found, type_name: str) -> JsonValue:
    """`here` with the value at `field` in the one form of its type."""
    if not field:
        return meaning(here, type_name)
    step, rest = field[0], field[1:]
    if isinstance(step, str) and isinstance(here, dict):
        return {**here, step: _replaced(here[step], rest, type_name)}
    if isinstance(step, int) and isinstance(here, list):
        return [*here[:step], _replaced(here[step], rest, type_name), *here[step + 1 :]]
    return here
