"""What a live object loses when what git has is put in its place, as `Replace=true` does.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/: an update has no opinion of its own on fields
that it leaves out, they go. Fields of which nobody is recorded as the owner are defaults and what the API server keeps
by itself: they come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitopsd.core.adoption import set_by
from gitopsd.core.compare import ObjectComparison, Shown, Verdict, effects_of, respected
from gitopsd.core.effect import Effect
from gitopsd.core.fieldpath import Found, path_of, values_at
from gitopsd.core.fieldset import leaves, minus, owned_fields, union, without_owned
from gitopsd.core.jsonvalue import JsonObject, JsonValue, objects, text
from gitopsd.core.normalize import CompareRules
from gitopsd.core.ownership import FIELD_MANAGER, applied_fields, identical

_STATUS: Final = "status"
_CARRIED: Final = (("metadata", "finalizers"), ("metadata", "ownerReferences"))
_EMPTY: Final[JsonValue] = {}


def overwritten(
    item: ObjectComparison, rules: CompareRules, shown: Shown, *, anew: bool = False, respects: bool = False
) -> Iterator[Effect]:
    """The fields that change when what git has is put in the place of the live object; what others set there and git
    does not have comes last. One that is made `anew` loses its finalizers and owners too; where ignored fields are
    respected (`RespectIgnoreDifferences`) they stay. `shown` is as for `effects_of`.
    """
    if item.live is None or item.desired is None:
        return
    sent = respected(item.desired, item.live, rules, item.expressed) if respects else item.desired
    live, wanted = (item.current or item.live.document).body(), sent.document.body()
    current, desired = shown([live, wanted])
    if item.verdict is Verdict.REFUSED:
        changes = list(_unlike(current, desired, ()))
    else:
        changes = list(effects_of(item, rules, shown))
    yield from changes
    told = {effect.path for effect in changes}
    after = item.predicted.body() if item.predicted is not None else live
    for field in _set_by_others(live, wanted, after, item.desired.adopts):
        effect = Effect(path_of(current, field), values_at(current, field), ())
        if effect.before and effect.path not in told and (anew or field[:2] not in _CARRIED):
            yield effect


def _set_by_others(
    live: JsonObject, wanted: JsonObject, after: JsonObject, managers: frozenset[str]
) -> Iterator[Found]:
    """What others own of the live object and git does not have; `after` is the object as an apply would leave it."""
    left: JsonObject = {}
    for entry in objects(live, "metadata", "managedFields"):
        if text(entry, "manager") != FIELD_MANAGER or text(entry, "subresource"):
            left = union(left, set_by(live, entry, managers))
    left = without_owned(left, wanted, [field for field in leaves(wanted) if values_at(wanted, field) != (_EMPTY,)])
    ours = applied_fields(after, text(wanted, "apiVersion"))
    for field in owned_fields(minus(left, ours) if ours else left, live):
        if field[0] != _STATUS and not _has(wanted, field):
            yield field


def _has(wanted: JsonObject, field: Found) -> bool:
    """Whether git has the field itself (of items of lists that was asked before)."""
    return all(isinstance(step, str) for step in field) and values_at(wanted, field) != ()


def _unlike(live: JsonObject, desired: JsonObject, field: Found) -> Iterator[Effect]:
    """What git has and the live object has not, where no dry-run could tell. What git leaves out is left out here."""
    here, wanted = values_at(live, field), values_at(desired, field)
    if not here or not wanted:
        yield Effect(path_of(desired, field), here, wanted)
        return
    one, other = here[0], wanted[0]
    if isinstance(one, dict) and isinstance(other, dict):
        for name, below in other.items():
            if below is not None:
                yield from _unlike(live, desired, (*field, name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position in range(len(one)):
            yield from _unlike(live, desired, (*field, position))
    elif not identical(one, other):
        yield Effect(path_of(desired, field), here, wanted)
