"""A sync under way, or the last one."""

from __future__ import annotations

from datetime import datetime

from gitopsd.core.ids import ObjectKey
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.web.models.model import Model


class Result(Model):
    """What came of one object."""

    group: str
    kind: str
    namespace: str
    name: str
    code: ResultCode
    message: str

    @classmethod
    def of(cls, key: ObjectKey, item: StepResult) -> Result:
        """From the core's values."""
        return cls(
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            code=item.code,
            message=item.message,
        )


class OperationAnswer(Model):
    """One sync, with the results so far."""

    phase: Phase
    message: str
    revisions: tuple[str, ...]
    started_at: datetime
    finished_at: datetime | None
    retries: int
    self_heal: bool
    results: tuple[Result, ...]

    @classmethod
    def of(cls, operation: Operation) -> OperationAnswer:
        """From the core's value."""
        return cls(
            phase=operation.phase,
            message=operation.message,
            revisions=operation.revisions,
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            retries=operation.retries,
            self_heal=operation.self_heal,
            results=tuple(Result.of(key, item) for key, item in operation.results.items()),
        )
