"""What an account has to be allowed in a cluster, what its rules allow, and the rules that it lacks.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ and the kinds of `authorization.k8s.io/v1`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from gitopsd.core.jsonvalue import JsonObject, sequence

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "patch", "delete")
_ORDER: Final = {verb: place for place, verb in enumerate((*READ, *WRITE))}
_ANY: Final = "*"


class Need(NamedTuple):
    """One verb on a resource (its plural name) of an API group; `namespace` "" is all of them, or outside of any."""

    namespace: str
    group: str
    resource: str
    verb: str


class Rule(NamedTuple):
    """A rule of a role; names that it is bound to are left out, as such a rule allows no list."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]

    def allows(self, need: Need) -> bool:
        """Whether it does, wherever it holds."""
        return all(
            wanted in having or _ANY in having
            for wanted, having in ((need.verb, self.verbs), (need.group, self.groups), (need.resource, self.resources))
        )


def rule_of(told: JsonObject) -> Rule | None:
    """A `resourceRules` item of a SelfSubjectRulesReview; None for one that is about certain names only."""
    if sequence(told, "resourceNames"):
        return None
    verbs, groups, resources = (
        frozenset(str(each) for each in sequence(told, key)) for key in ("verbs", "apiGroups", "resources")
    )
    return Rule(verbs, groups, resources)


def lacking(missing: Collection[Need], *, name: str = "gitopsd") -> str:
    """The roles, as YAML, that would allow what is missing: a ClusterRole for what holds everywhere, a Role for each
    namespace. What has the same verbs is one rule.
    """
    documents = [
        _role(namespace, [each for each in missing if each.namespace == namespace], name)
        for namespace in sorted({each.namespace for each in missing})
    ]
    return "\n---\n".join(documents)


def _role(namespace: str, missing: Iterable[Need], name: str) -> str:
    verbs: dict[tuple[str, str], set[str]] = {}
    for each in missing:
        verbs.setdefault((each.group, each.resource), set()).add(each.verb)
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), wanted in sorted(verbs.items()):
        ordered = tuple(sorted(wanted, key=lambda verb: (_ORDER.get(verb, len(_ORDER)), verb)))
        rules.setdefault((group, ordered), []).append(resource)
    scope = f"{{name: {name}, namespace: {namespace}}}" if namespace else f"{{name: {name}}}"
    lines = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {'Role' if namespace else 'ClusterRole'}",
        f"metadata: {scope}",
        "rules:",
    ]
    for (group, ordered), resources in rules.items():
        lines += [
            f'  - apiGroups: ["{group}"]',
            f"    resources: [{', '.join(resources)}]",
            f"    verbs: [{', '.join(ordered)}]",
        ]
    return "\n".join(lines)
