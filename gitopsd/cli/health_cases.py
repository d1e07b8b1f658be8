"""`gitopsd health --cases`: objects that say themselves how they are, against how they are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitopsd.core.health.status import Health
from gitopsd.core.ids import GVK
from gitopsd.core.jsonvalue import JsonObject, string_map, text

EXPECTED_HEALTH = "gitopsd.io/expected-health"
EXPECTED_MESSAGE = "gitopsd.io/expected-message"
NO_HEALTH = "None"


@dataclass(frozen=True, slots=True)
class Case:
    """One object with its annotations' words; `message` is None where they say nothing of it."""

    group: str
    name: str
    status: str
    message: str | None
    found: Health | None

    @property
    def holds(self) -> bool:
        """Whether it was judged as expected."""
        status = self.found.status.value if self.found else NO_HEALTH
        return status == self.status and self.message in (None, self.found.message if self.found else "")

    @property
    def difference(self) -> str:
        """A sentence for a case that does not hold."""
        wanted = self.status if self.message is None else f"{self.status} ({self.message})"
        found = f"{self.found.status.value} ({self.found.message})" if self.found else NO_HEALTH
        return f"{self.group or 'core'} {self.name}: expected {wanted}, found {found}"


def case_of(live: JsonObject, found: Health | None) -> Case | None:
    """The case that an object is; None for one that says nothing of itself."""
    annotations = string_map(live, "metadata", "annotations")
    status = annotations.get(EXPECTED_HEALTH)
    if status is None:
        return None
    gvk = GVK.parse(text(live, "apiVersion"), text(live, "kind"))
    name = f"{gvk.kind}/{text(live, 'metadata', 'name')}"
    return Case(gvk.group, name, status, annotations.get(EXPECTED_MESSAGE), found)


def counted(cases: Sequence[Case]) -> list[tuple[str, int, int]]:
    """(group, cases, as expected), sorted by group."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    return [(group, len(found), sum(case.holds for case in found)) for group, found in sorted(groups.items())]
