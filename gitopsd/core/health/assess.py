"""From a live object to its health."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.core.health.builtin import rule_for
from gitopsd.core.health.fields import Fields, FieldTypeError
from gitopsd.core.health.generic import generic
from gitopsd.core.health.status import Health, progressing, unknown
from gitopsd.core.health.table import Table
from gitopsd.core.jsonvalue import JsonObject

Tables = Callable[[str, str], Table | None]
"""The table for an API group and a kind, None where there is none."""

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"


def no_tables(_group: str, _kind: str) -> Table | None:
    """Where only what is built in counts."""
    return None


def assess(live: JsonObject, *, is_hook: bool = False, tables: Tables = no_tables) -> Health | None:
    """The health of one live object: the built-in kinds as Argo CD judges them, then by its kind's table, then as
    controllers report by custom; None for an object without a sign of health.

    `live` is the object as the API server gave it (times as strings). `is_hook`: it runs as a hook of a sync; the hook
    annotations on the object itself are seen too. Never raises: an object with an ill-typed field among those that the
    rule reads is Unknown, and the message names the field.
    """
    try:
        return _assess(Fields(live), is_hook=is_hook, tables=tables)
    except FieldTypeError as odd:
        return unknown(f"Cannot be judged: {odd}")


def pending_deletion(live: JsonObject) -> Health | None:
    """Of any kind: deleted and not gone yet is Progressing, save for hooks, which a finalizer keeps on purpose; None
    for an object that nobody deleted.
    """
    try:
        return _deletion(Fields(live))
    except FieldTypeError as odd:
        return unknown(f"Cannot be judged: {odd}")


def _assess(live: Fields, *, is_hook: bool, tables: Tables) -> Health | None:
    deletion = _deletion(live)
    if deletion is not None:
        return deletion
    api_version, kind = live.text("apiVersion"), live.text("kind")
    group, _, version = api_version.rpartition("/")
    rule = rule_for(group, kind, is_hook=is_hook)
    if rule is None:
        table = tables(group, kind)
        return generic(live.root) if table is None else table.judge(live.root)
    if not rule.knows(version):
        return unknown(
            f"{kind} of {api_version or 'no apiVersion'} cannot be judged, only of {' or '.join(rule.versions)}"
        )
    return rule.judge(live)


def _deletion(live: Fields) -> Health | None:
    if not live.text("metadata", "deletionTimestamp"):
        return None
    finalizers = live.texts("metadata", "finalizers")
    if HOOK_FINALIZER in finalizers:
        return None
    waits_for = f", waiting for finalizers: {', '.join(finalizers)}" if finalizers else ""
    return progressing(f"Pending deletion{waits_for}")
