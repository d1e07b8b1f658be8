"""What an examination of an installation finds, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is: all well; works and should be looked at; does not work; nobody knows."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


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


SKEW_WARNING_SECONDS: Final = 10.0
SKEW_PROBLEM_SECONDS: Final = 300.0
SPACE_WARNING_BYTES: Final = 1 << 30
SPACE_PROBLEM_BYTES: Final = 64 << 20
_FILES_OF_ITS_OWN: Final = 128
_FILES_OF_A_WORKER: Final = 64
_IN_FLIGHT: Final = 32


def skew(seconds: float) -> tuple[Severity, str]:
    """What is to be thought of an API server's clock that is so much ahead (behind: negative) of this machine's.

    Tokens and certificates have dates in them: from five minutes on, they begin to be refused.
    """
    if abs(seconds) < SKEW_WARNING_SECONDS:
        return Severity.OK, "its clock and this machine's agree"
    severity = Severity.PROBLEM if abs(seconds) >= SKEW_PROBLEM_SECONDS else Severity.WARNING
    return severity, f"its clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"


def space(free: int) -> tuple[Severity, str]:
    """What is to be thought of so many free bytes where the daemon writes."""
    said = f"{free / (1 << 20):,.0f} MiB free"
    if free < SPACE_PROBLEM_BYTES:
        return Severity.PROBLEM, said
    return (Severity.WARNING if free < SPACE_WARNING_BYTES else Severity.OK), said


def files_needed(watches: int, clusters: int, workers: int) -> int:
    """How many open files a daemon may come to: its own, a connection for each watch, those for requests that are on
    their way to each cluster at once, and the pipes of its workers.
    """
    return _FILES_OF_ITS_OWN + watches + _IN_FLIGHT * clusters + _FILES_OF_A_WORKER * workers


def open_files(needed: int, allowed: int | None) -> tuple[Severity, str]:
    """What is to be thought of so many files allowed at once (the hard RLIMIT_NOFILE, to which the daemon raises its
    soft one; None is no limit).
    """
    if allowed is None:
        return Severity.OK, f"as many as wanted, about {needed} needed"
    severity = Severity.PROBLEM if allowed < needed else Severity.WARNING if allowed < 2 * needed else Severity.OK
    return severity, f"{allowed} allowed, about {needed} needed"
