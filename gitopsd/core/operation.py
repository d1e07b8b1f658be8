"""A sync under way, and what came of the last one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.plan import Plan, PruneStep
from gitopsd.core.syncrequest import AUTOMATED, SyncRequest


class Phase(enum.StrEnum):
    """Argo CD's operation phases."""

    PENDING = "Pending"
    """Asked for, and its turn has not come: no operation of the journal or of a status is in this phase."""
    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def done(self) -> bool:
        """Whether the operation is over."""
        return self not in (Phase.PENDING, Phase.RUNNING, Phase.TERMINATING)


class ResultCode(enum.StrEnum):
    """Argo CD's result of one step."""

    SYNCED = "Synced"
    SYNC_FAILED = "SyncFailed"
    PRUNED = "Pruned"
    PRUNE_SKIPPED = "PruneSkipped"


class StagePlace(NamedTuple):
    """A stage of a plan: its `number`, counted from 1 (those that run if the sync fails for themselves), and what it is
    called.
    """

    number: int
    phase: SyncPhase
    wave: int


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one object in a sync; `seconds` is how long its requests took, `reason` a word for why it failed
    (that of a `ClusterError`), `place` the stage that it came of. The last two are not kept over a restart.
    """

    code: ResultCode
    message: str = ""
    seconds: float = 0.0
    reason: str = ""
    place: StagePlace | None = field(default=None, compare=False)


class HookId(NamedTuple):
    """One hook in one phase."""

    phase: SyncPhase
    key: ObjectKey


@dataclass(frozen=True, slots=True)
class HookRun:
    """A hook that an operation began. It is journalled before its object is made, so none runs twice.

    `uid` is the object's ("" until it is known to exist). `log` is the end of its output, kept before it is deleted;
    `cleaned`: its object was deleted as its policy says, or shall stay. `place` is not kept over a restart.
    """

    started_at: datetime
    uid: str = ""
    outcome: HookOutcome = HookOutcome.RUNNING
    message: str = ""
    finished_at: datetime | None = None
    log: str = ""
    cleaned: bool = False
    place: StagePlace | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """One sync. `stage` is the stage that runs or is waited for; `retries` counts the attempts before this one.

    `id` is unique within the application. `plan` is None for an operation that is over and was read back from the
    store. `failing` is why it failed, while its SyncFail hooks run: then `stage` counts `plan.failing`. `applied`: the
    steps of the stage are done, and what it waits for is waited for. `manifests` names what it applies in the journal.
    `held_since`: a sync window lets it do no further step since then; `held_seconds` is how long that was before.
    """

    digest: str
    revisions: tuple[str, ...]
    started_at: datetime
    phase: Phase = Phase.RUNNING
    message: str = ""
    finished_at: datetime | None = None
    results: Mapping[ObjectKey, StepResult] = field(default_factory=dict)
    retries: int = 0
    stage: int = 0
    applied: bool = False
    plan: Plan | None = None
    id: str = ""
    request: SyncRequest = AUTOMATED
    hooks: Mapping[HookId, HookRun] = field(default_factory=dict)
    failing: str = ""
    manifests: str = ""
    held_since: datetime | None = None
    held_seconds: float = 0.0

    def seconds_at(self, now: datetime) -> float:
        """For how long it has run by now, the time aside in which it was held."""
        until = self.held_since or now
        return (until - self.started_at).total_seconds() - self.held_seconds

    @property
    def self_heal(self) -> bool:
        """Whether it undoes changes made in the cluster."""
        return self.request.self_heal

    @property
    def failures(self) -> tuple[tuple[ObjectKey, StepResult], ...]:
        """The steps that failed, in the order in which they did."""
        return tuple((key, item) for key, item in self.results.items() if item.code is ResultCode.SYNC_FAILED)

    @property
    def running_hooks(self) -> tuple[HookId, ...]:
        """The hooks that were begun and are not over."""
        return tuple(item for item, run in self.hooks.items() if not run.outcome.done)

    @property
    def outcome(self) -> Operation:
        """What the journal keeps of it when it is over: of its results those of objects that it did not prune."""
        stay = {key: item for key, item in self.results.items() if item.code is ResultCode.PRUNE_SKIPPED}
        return replace(self, plan=None, results=stay, manifests="")

    @property
    def asks(self) -> bool:
        """Whether it has still to delete what somebody has to confirm."""
        if self.plan is None or self.phase.done or self.request.confirmed:
            return False
        prunes = (step for step in self.plan.steps() if isinstance(step, PruneStep))
        return any(step.confirm and step.key not in self.results for step in prunes)
