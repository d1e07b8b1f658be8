"""What can be told of an object whose kind nobody knows, from how Kubernetes controllers report by custom.

Source: kstatus (https://pkg.go.dev/sigs.k8s.io/cli-utils/pkg/kstatus), "Conditions" and "The Ready condition", and the
Kubernetes API conventions, "Typical status properties".
"""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.core.health.place import at_place
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.table import unobserved
from gitopsd.core.jsonvalue import JsonObject, JsonValue


def generic(live: JsonObject) -> Health | None:
    """By observedGeneration, then the conditions Stalled, Reconciling and Ready; None where it has none of them."""
    lag = unobserved(live, ("status", "observedGeneration"))
    if lag is not None:
        return lag
    conditions = _conditions(live)
    stalled, reconciling, ready = (conditions.get(name) for name in ("Stalled", "Reconciling", "Ready"))
    if stalled is not None and stalled.get("status") == "True":
        return Health(HealthStatus.DEGRADED, _said(stalled))
    if reconciling is not None and reconciling.get("status") == "True":
        return Health(HealthStatus.PROGRESSING, _said(reconciling))
    if ready is not None:
        is_ready = ready.get("status") == "True"
        return Health(HealthStatus.HEALTHY if is_ready else HealthStatus.PROGRESSING, "" if is_ready else _said(ready))
    if stalled is not None or reconciling is not None:
        return Health(HealthStatus.HEALTHY)
    return None


def _conditions(live: JsonObject) -> Mapping[str, Mapping[str, JsonValue]]:
    entries = at_place(live, ("status", "conditions"))
    found: dict[str, Mapping[str, JsonValue]] = {}
    for entry in entries if isinstance(entries, list | tuple) else ():
        if isinstance(entry, Mapping) and isinstance(name := entry.get("type"), str):
            found.setdefault(name, entry)
    return found


def _said(condition: Mapping[str, JsonValue]) -> str:
    return str(condition.get("message") or condition.get("reason") or "")
