"""Which changes of live objects are no news: fields that controllers write all the time and that say nothing.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/reconcile/ (`ignoreResourceUpdates`) and the rules that
Argo CD is installed with. Unlike there, a status counts but for what health does not look at: nobody has to judge an
object to know whether it is news.
"""

from __future__ import annotations

from typing import Final

from gitopsd.core.customization import ResourceSettings
from gitopsd.core.fieldpath import FieldPath, fields_at, parse_path
from gitopsd.core.fieldset import without
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jqpath import jq_path
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping

_BOOKKEEPING: Final = frozenset({"generation", "managedFields", "resourceVersion"})


def _rule(group: str, kind: str, *paths: str) -> IgnoreRule:
    return IgnoreRule(KindPattern(group, kind), paths=tuple(parse_path(path) for path in paths))


def _annotations(*names: str) -> tuple[str, ...]:
    return tuple(f'metadata.annotations["{name}"]' for name in names)


BUILT_IN: Final = (
    _rule("*", "*", *(f"status.conditions[*].last{what}Time" for what in ("Heartbeat", "Probe", "Update"))),
    _rule(
        "",
        "ConfigMap",
        *_annotations("cluster-autoscaler.kubernetes.io/last-updated", "control-plane.alpha.kubernetes.io/leader"),
    ),
    _rule(
        "apps",
        "ReplicaSet",
        *_annotations(
            "deployment.kubernetes.io/desired-replicas",
            "deployment.kubernetes.io/max-replicas",
            "rollout.argoproj.io/desired-replicas",
        ),
    ),
    _rule(
        "autoscaling",
        "HorizontalPodAutoscaler",
        *_annotations(
            *(f"autoscaling.alpha.kubernetes.io/{name}" for name in ("behavior", "metrics", "current-metrics"))
        ),
        *(f"status.{name}" for name in ("currentMetrics", "currentReplicas", "desiredReplicas", "lastScaleTime")),
        "status.currentCPUUtilizationPercentage",
    ),
    _rule(
        "policy",
        "PodDisruptionBudget",
        *(f"status.{name}" for name in ("currentHealthy", "desiredHealthy", "disruptedPods", "expectedPods")),
        "status.disruptionsAllowed",
    ),
    _rule(
        "argoproj.io",
        "Application",
        *_annotations("notified.notifications.argoproj.io", "argocd.argoproj.io/refresh", "argocd.argoproj.io/hydrate"),
        "operation",
        "status.reconciledAt",
    ),
    _rule("argoproj.io", "Rollout", *_annotations("notified.notifications.argoproj.io")),
)
"""Rules that hold everywhere. A status that health looks at is not among them."""

_OF_CONTROLLERS: Final = (
    _rule("", "Endpoints", "metadata.annotations", "metadata.labels", "subsets"),
    _rule("discovery.k8s.io", "EndpointSlice", "metadata.annotations", "metadata.labels", "endpoints", "ports"),
)
"""Rules for what controllers make. Where an application has such objects in git, a change of them is drift."""


# A field that does not count, and the rule that says of which objects of the kind; None for all of them.
_Ignored = tuple[IgnoreRule | None, FieldPath]


class Noise:
    """What does not count when an object changes: bookkeeping, the built-in rules and those of `settings`."""

    def __init__(self, settings: ResourceSettings | None = None) -> None:
        self._rules = (*BUILT_IN, *(_update_rules(settings) if settings is not None else ()))
        self._by_kind: dict[tuple[GroupKind, bool], tuple[_Ignored, ...]] = {}

    def news(self, key: ObjectKey, body: JsonObject, *, tracked: bool) -> JsonObject:
        """`body` with what counts alone: equal before and after a change that is none. `tracked`: an application has
        the object in git.
        """
        rules = self._by_kind.get((key.group_kind, tracked))
        if rules is None:
            rules = self._by_kind[key.group_kind, tracked] = self._fitting(key.group_kind, tracked=tracked)
        metadata = {name: item for name, item in mapping(body, "metadata").items() if name not in _BOOKKEEPING}
        content: JsonObject = {**body, "metadata": metadata}
        fields = [
            field
            for rule, path in rules
            if _may_lead(content, path) and (rule is None or rule.fits(key))
            for field in fields_at(content, path)
        ]
        return without(content, fields) if fields else content

    def _fitting(self, kind: GroupKind, *, tracked: bool) -> tuple[_Ignored, ...]:
        rules = self._rules if tracked else (*self._rules, *_OF_CONTROLLERS)
        return tuple(
            (rule if rule.name or rule.namespace else None, path)
            for rule in rules
            if rule.kinds.fits(kind)
            for path in _paths(rule)
        )


def unusable_rules(settings: ResourceSettings) -> tuple[str, ...]:
    """What rules for updates say that only a comparison can judge, each as a sentence."""
    found: list[str] = []
    for rule in settings.ignore_updates:
        found += [
            f"{rule.position}: ignoreResourceUpdates knows jq only where it is a path; every change of {text} counts"
            for text in rule.jq
            if jq_path(text) is None
        ]
        if rule.managers:
            found.append(f"{rule.position}: ignoreResourceUpdates does not know managedFieldsManagers")
    return tuple(found)


def _may_lead(content: JsonObject, path: FieldPath) -> bool:
    """Whether the path could lead somewhere: most do not, which is found out at their first steps."""
    here: JsonValue = content
    for step in path:
        if type(step) is not str or type(here) is not dict:
            return True
        if step not in here:
            return False
        here = here[step]
    return True


def _update_rules(settings: ResourceSettings) -> tuple[IgnoreRule, ...]:
    differences = settings.ignore_differences if settings.ignore_differences_on_updates else ()
    return (*settings.ignore_updates, *differences)


def _paths(rule: IgnoreRule) -> tuple[FieldPath, ...]:
    translated = (jq_path(text) for text in rule.jq)
    return (*rule.paths, *(path for path in translated if path is not None))
