"""Argo CD's annotations, honoured as they are, and how they are read.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from gitopsd.core.hook import SKIP
from gitopsd.core.ids import AppName, ObjectKey

TRACKING_ID: Final = "argocd.argoproj.io/tracking-id"
INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
SYNC_WAVE: Final = "argocd.argoproj.io/sync-wave"
SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
COMPARE_OPTIONS: Final = "argocd.argoproj.io/compare-options"
HOOK: Final = "argocd.argoproj.io/hook"
HELM_HOOK: Final = "helm.sh/hook"
HELM_HOOK_WEIGHT: Final = "helm.sh/hook-weight"
HOOK_DELETE_POLICY: Final = "argocd.argoproj.io/hook-delete-policy"
HELM_DELETE_POLICY: Final = "helm.sh/hook-delete-policy"
HELM_RESOURCE_POLICY: Final = "helm.sh/resource-policy"
DELETION_APPROVED: Final = "argocd.argoproj.io/deletion-approved"
HOOK_TIMEOUT: Final = "gitopsd.io/hook-timeout"
ON_IMMUTABLE: Final = "gitopsd.io/on-immutable"
DEPENDS_ON: Final = "gitopsd.io/depends-on"
OPERATION: Final = "gitopsd.io/operation"
IGNORE_HEALTHCHECK: Final = "argocd.argoproj.io/ignore-healthcheck"
SKIP_RECONCILE: Final = "argocd.argoproj.io/skip-reconcile"

_HELM_PHASES: Final = {
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
    "pre-delete": "PreDelete",
    "post-delete": "PostDelete",
}
_HELM_POLICIES: Final = {
    "before-hook-creation": "BeforeHookCreation",
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
}
_LABEL_LENGTH: Final = 63


class TrackingId(NamedTuple):
    """The value of the tracking annotation: which application, and which object it was written for."""

    app: AppName
    key: ObjectKey


def tracking_id(app: AppName, key: ObjectKey, namespace: str) -> str:
    """`<app>:<group>/<kind>:<namespace>/<name>`; a cluster-scoped object carries the destination's `namespace`, as in
    Argo CD.
    """
    return f"{app}:{key.group}/{key.kind}:{key.namespace or namespace}/{key.name}"


def parse_tracking_id(text: str) -> TrackingId | None:
    """The parts of a tracking annotation; None for text that is not one."""
    app, colon, rest = text.partition(":")
    kind_part, second_colon, place = rest.partition(":")
    group, slash, kind = kind_part.partition("/")
    namespace, second_slash, name = place.partition("/")
    if not (app and colon and second_colon and slash and kind and second_slash and name):
        return None
    return TrackingId(AppName(app), ObjectKey(group, kind, namespace, name))


def tracks(tracking: TrackingId, key: ObjectKey) -> bool:
    """Whether the annotation on the object `key` was written for it, and not copied along from another one.

    Argo CD's rule: group, kind and name agree, and the namespace too unless the object is cluster-scoped.
    """
    theirs = tracking.key
    same = (theirs.group, theirs.kind, theirs.name) == (key.group, key.kind, key.name)
    return same and (not key.namespace or theirs.namespace == key.namespace)


def instance_label(app: AppName) -> str:
    """The application's name as a label value: 63 characters at most, ending in a letter or digit."""
    return app[:_LABEL_LENGTH].rstrip("-_.")


def sync_options(annotations: Mapping[str, str]) -> Mapping[str, str]:
    """The resource's own sync options: `Prune=false,Replace=true` as key → value. Items without `=` are left out."""
    written = annotations.get(SYNC_OPTIONS)
    if written is None:
        return _NO_OPTIONS
    found: dict[str, str] = {}
    for item in written.split(","):
        key, separator, option = item.strip().partition("=")
        if separator:
            found[key] = option
    return found


def deletion_option(annotations: Mapping[str, str], option: str) -> str:
    """What the object's sync options say of `option`, `Prune` or `Delete`: `true`, `false`, `confirm`, "" if nothing,
    else the text that nobody understands (`Prune:no`, `prune=false`): a slip of the pen must not delete anything.

    Of several the one that deletes least counts.
    """
    said = {_deletion_word(item, option) for item in _items(annotations.get(SYNC_OPTIONS, ""))} - {""}
    odd = sorted(said - {"false", "confirm", "true"})
    return next((word for word in ("false", *odd, "confirm", "true") if word in said), "")


def _deletion_word(item: str, option: str) -> str:
    """What one item says of `option`; "" if it speaks of something else (`PruneLast`)."""
    key, separator, value = (part.strip() for part in item.partition("="))
    if not key.casefold().startswith(option.casefold()) or key[len(option) :][:1].isalnum():
        return ""
    understood = separator and key == option and value in ("true", "false", "confirm")
    return value if understood else item


def compare_options(annotations: Mapping[str, str]) -> Mapping[str, str]:
    """How an object, or all of an application's, are compared: `IgnoreExtraneous,IncludeMutationWebhook=true` as key →
    value; an option without a value is `true`.
    """
    parts = (item.partition("=") for item in _items(annotations.get(COMPARE_OPTIONS, "")))
    return {key: option if separator else "true" for key, separator, option in parts}


def hook_phases(annotations: Mapping[str, str]) -> tuple[str, ...] | None:
    """The phases at which a manifest runs as a hook, in the order written; None for an object that is no hook.

    An Argo CD hook annotation overrides the Helm hook of that object. Helm hooks without a counterpart (tests,
    rollback) run at no phase: the answer is empty. `crd-install` is no hook.
    """
    own = _items(annotations.get(HOOK, ""))
    if own:
        return own
    helm = _items(annotations.get(HELM_HOOK, ""))
    if not helm or "crd-install" in helm:
        return None
    return tuple(dict.fromkeys(_HELM_PHASES[item] for item in helm if item in _HELM_PHASES))


def is_hook(annotations: Mapping[str, str]) -> bool:
    """Whether they are those of a hook, of whatever phase: a live object with them is no part of what is kept."""
    if HOOK not in annotations and HELM_HOOK not in annotations:
        return False
    return any(phase != SKIP for phase in hook_phases(annotations) or ())


def hook_delete_policies(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """When a hook's object is deleted, in Argo CD's words, as they are written; Helm's own say it in others. Empty if
    nothing is written, which is BeforeHookCreation for most kinds.
    """
    own = _items(annotations.get(HOOK_DELETE_POLICY, ""))
    helm = _items(annotations.get(HELM_DELETE_POLICY, ""))
    return own or tuple(_HELM_POLICIES.get(item, item) for item in helm)


def wave(annotations: Mapping[str, str]) -> int | None:
    """The sync wave: Argo CD's annotation, else Helm's hook weight, else 0; None if the text is not a whole number."""
    written = annotations.get(SYNC_WAVE) or annotations.get(HELM_HOOK_WEIGHT) or "0"
    try:
        number = int(written)
    except ValueError:
        return None
    return number if -(2**31) <= number < 2**31 else None


def _items(text: str) -> tuple[str, ...]:
    return tuple(item for item in (part.strip() for part in text.split(",")) if item)
