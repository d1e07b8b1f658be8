"""Renders that failed: the same input is not rendered again at once, only after a while that grows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import GitopsdError, PluginError, RenderError
from gitopsd.render.evidence import Evidence, Moment, valid_at

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 300.0
_REMEMBERED: Final = 5000


@dataclass(slots=True)
class _Failure:
    """`attempts` renders of the same input failed; until `retry_at` the next one is not tried."""

    error: GitopsdError
    evidence: Evidence
    attempts: int
    retry_at: float


class Failures:
    """The last failure under each key, in memory: a restart tries again. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    async def check(self, key: str, moment: Moment) -> None:
        """Raise the remembered error if its input is the same and its time is not over."""
        failure = self._failures.get(key)
        if failure is None or self._monotonic() >= failure.retry_at:
            return
        if await valid_at([failure.evidence], moment) is not None:
            raise _copy(failure.error)

    def store(self, key: str, error: GitopsdError, evidence: Evidence) -> None:
        """Remember a failure; one of the same input waits twice as long as the last."""
        before = self._failures.pop(key, None)
        same = before is not None and _same_input(before.evidence, evidence)
        attempts = before.attempts + 1 if before is not None and same else 1
        wait = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts - 1, 16))
        self._failures[key] = _Failure(error, evidence, attempts, self._monotonic() + wait)
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        """The key was rendered, or shall be tried at once."""
        self._failures.pop(key, None)


def _same_input(before: Evidence, after: Evidence) -> bool:
    if before.reads is None or after.reads is None:
        return bool(set(before.commits) & set(after.commits))
    return (before.reads, before.fingerprints, before.target) == (after.reads, after.fingerprints, after.target)


def _copy(error: GitopsdError) -> GitopsdError:
    """A fresh error, so that no traceback grows on the remembered one."""
    kind = PluginError if isinstance(error, PluginError) else RenderError
    return kind(error.what, where=error.where, why=error.why, hint=error.hint, retryable=error.retryable)
