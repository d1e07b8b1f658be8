"""A sync under way, and what came of the last one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gitopsd.core.ids import ObjectKey
from gitopsd.core.plan import Plan


class Phase(enum.StrEnum):
    """Argo CD's operation phases."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def done(self) -> bool:
        """Whether the operation is over."""
        return self is not Phase.RUNNING


class ResultCode(enum.StrEnum):
    """Argo CD's result of one step."""

    SYNCED = "Synced"
    SYNC_FAILED = "SyncFailed"
    PRUNED = "Pruned"
    PRUNE_SKIPPED = "PruneSkipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one object in a sync."""

    code: ResultCode
    message: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One sync. `stage` is the stage that runs or is waited for; `retries` counts the attempts before this one.

    `plan` is None for an operation that was read back from the store: then it is over, or a restart interrupted it.
    """

    digest: str
    revisions: tuple[str, ...]
    started_at: datetime
    phase: Phase = Phase.RUNNING
    message: str = ""
    finished_at: datetime | None = None
    results: Mapping[ObjectKey, StepResult] = field(default_factory=dict)
    retries: int = 0
    self_heal: bool = False
    stage: int = 0
    applied: bool = False
    plan: Plan | None = None

    @property
    def failures(self) -> tuple[tuple[ObjectKey, StepResult], ...]:
        """The steps that failed, in the order in which they did."""
        return tuple((key, item) for key, item in self.results.items() if item.code is ResultCode.SYNC_FAILED)
