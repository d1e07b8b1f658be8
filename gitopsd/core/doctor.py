"""What an examination of an installation finds, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: all well; works and should be looked at; does not work."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `area` is what it belongs to (`configuration`, `clusters`, …), `subject` what was looked at, `said` what is so in
    one sentence without a secret, `hint` the next thing to do ("" where there is nothing to do; it may have lines).
    """

    area: str
    subject: str
    severity: Severity
    said: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one examination, in the order in which they are to be read."""

    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is broken; warnings are no breakage."""
        return not self.having(Severity.PROBLEM)

    def having(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of this severity."""
        return tuple(each for each in self.findings if each.severity is severity)

    def areas(self) -> Iterable[tuple[str, Sequence[Finding]]]:
        """The findings by area, both in their order."""
        grouped: dict[str, list[Finding]] = {}
        for each in self.findings:
            grouped.setdefault(each.area, []).append(each)
        return grouped.items()
