"""Single checks, and how many are made at once: each has its own time, and none keeps another from its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from gitopsd.core.doctor import Finding, Severity
from gitopsd.core.errors import GitopsdError

DEADLINE_SECONDS: Final = 20.0
_AT_ONCE: Final = 8

Findings = Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at `subject`; `look` gives what it finds, or raises `GitopsdError`, which is a problem that was found."""

    area: str
    subject: str
    look: Callable[[], Awaitable[Findings]]
    deadline: float = DEADLINE_SECONDS

    async def findings(self) -> Findings:
        """What it finds within its time; never raises."""
        try:
            with anyio.fail_after(self.deadline):
                return await self.look()
        except TimeoutError:
            said, hint = f"no answer within {self.deadline:g} s", "see whether it is overloaded, or the way to it is"
            return [Finding(self.area, self.subject, Severity.PROBLEM, said, hint)]
        except BaseExceptionGroup as group:
            return [self._problem(each) for each in _leaves(group)]
        except Exception as error:  # noqa: BLE001 (one check that fails itself must not hide what the others found)
            return [self._problem(error)]

    def _problem(self, error: BaseException) -> Finding:
        if isinstance(error, GitopsdError):
            return problem(self.area, self.subject, error)
        said = f"this could not be looked at: {type(error).__name__}"
        return Finding(self.area, self.subject, Severity.PROBLEM, said, "please report it")


def problem(area: str, subject: str, error: GitopsdError) -> Finding:
    """An error as a finding, in its own words."""
    said = f"{error.what}: {error.why}" if error.why else error.what
    if error.where and error.where not in subject and subject not in error.where:
        said = f"{error.where}: {said}"
    return Finding(area, subject, Severity.PROBLEM, said, error.hint)


async def made(checks: Sequence[Check]) -> Findings:
    """The findings of all checks, in the order of the checks, however long each took."""
    answers: list[Findings] = [()] * len(checks)
    places = anyio.CapacityLimiter(_AT_ONCE)

    async def one(place: int, check: Check) -> None:
        async with places:
            answers[place] = await check.findings()

    async with anyio.create_task_group() as tasks:
        for place, check in enumerate(checks):
            tasks.start_soon(one, place, check)
    return [finding for answer in answers for finding in answer]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Sequence[BaseException]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_leaves(each) if isinstance(each, BaseExceptionGroup) else (each,))
        if not isinstance(leaf, anyio.get_cancelled_exc_class())
    ]
