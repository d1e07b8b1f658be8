"""From a live object to its health."""

from __future__ import annotations

from gitopsd.core.health.builtin import rule_for
from gitopsd.core.health.fields import Fields, FieldTypeError
from gitopsd.core.health.status import Health, progressing, unknown
from gitopsd.core.jsonvalue import JsonObject

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"


def assess(live: JsonObject, *, is_hook: bool = False) -> Health | None:
    """The health of one live object, as Argo CD's built-in checks judge it; None where nothing is known of its kind.

    `live` is the object as the API server gave it (times as strings). `is_hook`: it runs as a hook of a sync; the hook
    annotations on the object itself are seen too. Never raises: an object with an ill-typed field among those that the
    rule reads is Unknown, and the message names the field.
    """
    try:
        return _assess(Fields(live), is_hook=is_hook)
    except FieldTypeError as odd:
        return unknown(f"Cannot be judged: {odd}")


def _assess(live: Fields, *, is_hook: bool) -> Health | None:
    deletion = _deletion(live)
    if deletion is not None:
        return deletion
    api_version, kind = live.text("apiVersion"), live.text("kind")
    group, _, version = api_version.rpartition("/")
    rule = rule_for(group, kind, is_hook=is_hook)
    if rule is None:
        return None
    if not rule.knows(version):
        return unknown(
            f"{kind} of {api_version or 'no apiVersion'} cannot be judged, only of {' or '.join(rule.versions)}"
        )
    return rule.judge(live)


def _deletion(live: Fields) -> Health | None:
    """Of any kind: deleted and not gone yet is Progressing, save for hooks, which a finalizer keeps on purpose."""
    if not live.text("metadata", "deletionTimestamp"):
        return None
    finalizers = live.texts("metadata", "finalizers")
    if HOOK_FINALIZER in finalizers:
        return None
    waits_for = f", waiting for finalizers: {', '.join(finalizers)}" if finalizers else ""
    return progressing(f"Pending deletion{waits_for}")
