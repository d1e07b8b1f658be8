"""What extends the Kubernetes API: CustomResourceDefinitions and APIServices."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsd.core.health.condition import Condition, conditions_of, find, find_true
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing


def custom_resource_definition(live: Fields) -> Health:
    """No conditions, terminating, installing: Progressing. Names refused, not established, bad schema: Degraded.

    `Installing` is what the API server says for the seconds until every replica of it serves the new kind.
    """
    conditions = conditions_of(live)
    if not conditions:
        return progressing("Waiting for the API server to see it (status.conditions is empty)")
    terminating = find_true(conditions, "Terminating")
    if terminating is not None:
        return progressing(_with("Being terminated", terminating))
    names = find(conditions, "NamesAccepted")
    if names is not None and names.status == "False":
        return degraded(_with("Its names are not accepted", names))
    return _serving_health(conditions)


def _serving_health(conditions: Sequence[Condition]) -> Health:
    """The health of a definition whose names are accepted."""
    established = find(conditions, "Established")
    if established is None or not established.is_true:
        installing = established is not None and established.reason == "Installing"
        message = _with("Not established", established)
        return progressing(message) if installing else degraded(message)
    violations = find_true(conditions, "NonStructuralSchema")
    return healthy() if violations is None else degraded(_with("Its schema has violations", violations))


def api_service(live: Fields) -> Health:
    """Healthy when Available, else Progressing: the aggregated API server may be starting."""
    available = find(conditions_of(live), "Available")
    if available is None:
        return progressing("Waiting for the aggregator to see it")
    said = ": ".join(filter(None, (available.reason, available.message)))
    return healthy(said) if available.is_true else progressing(said or "Not available")


def _with(what: str, condition: Condition | None) -> str:
    return f"{what}: {condition.said}" if condition is not None and condition.said else what
