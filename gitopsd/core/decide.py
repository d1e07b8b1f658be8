"""From a comparison to what shall be done about it. Pure: the moment is an argument."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gitopsd.core.app import AppSpec, RetryPolicy
from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.conditions import Condition
from gitopsd.core.hold import FREE, Hold
from gitopsd.core.ids import ObjectKey
from gitopsd.core.manifest import Desired
from gitopsd.core.otherowner import changed_by
from gitopsd.core.schedule import SELF_HEAL, SELF_HEAL_QUIET_SECONDS, Backoff, backoff_seconds
from gitopsd.core.staying import why_left


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last sync that was tried: of which desired digest, how it ended, and when (seconds of the monotonic clock).

    `unfinished`: it failed, and hooks of it did not run or failed, so that synced objects are not all there is to do.
    `count` is how many times in a row: failures of the same digest, or self-heals without a quiet time between them.
    """

    digest: str
    succeeded: bool
    count: int
    ended: float
    unfinished: bool = False


def next_attempt(
    before: Attempt | None, digest: str, now: float, *, succeeded: bool, unfinished: bool = False
) -> Attempt:
    """The attempt that ended just now; it counts on from the one `before` where that was of the same kind."""
    if before is None or (before.digest, before.succeeded) != (digest, succeeded):
        return Attempt(digest, succeeded, 0 if succeeded else 1, now, unfinished)
    if succeeded and now - before.ended > SELF_HEAL_QUIET_SECONDS:
        return Attempt(digest, succeeded, 1, now)
    return Attempt(digest, succeeded, before.count + 1, now, unfinished)


class Act(enum.StrEnum):
    """What to do with an application."""

    NOTHING = "nothing"
    SYNC = "sync"
    HEAL = "heal"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and why; `seconds` is how long a WAIT lasts."""

    act: Act
    reason: str
    seconds: float = 0.0


IN_SYNC: Final = Decision(Act.NOTHING, "in sync")
"""There is nothing to do."""
UNDER_WAY: Final = "a sync is under way"


_MISSED_HOOKS: Final = "in sync, but hooks of the last sync failed or did not run; automated sync is off"


def decide(
    spec: AppSpec,
    desired: Desired,
    comparison: Comparison,
    *,
    conditions: tuple[Condition, ...],
    attempt: Attempt | None,
    now: float,
    self_heal: Backoff = SELF_HEAL,
    hold: Hold = FREE,
    stays: Mapping[ObjectKey, str] | None = None,
) -> Decision:
    """What to do about `comparison` (auto-sync and self-heal rules of peers: Argo CD's automated sync policy).

    `conditions` with an error block every sync, and so does `hold`. A failed sync is retried for ever with capped
    back-off unless the retry limit says otherwise; a new digest is never held back by the failures of an older one.
    `stays` is what the last sync of this digest did not prune, and why.
    """
    unfinished = attempt is not None and attempt.unfinished and attempt.digest == desired.digest
    obstacle = _obstacle(spec, desired, comparison, conditions, unfinished=unfinished)
    if obstacle:
        return Decision(Act.NOTHING, obstacle)
    if hold.reasons:
        reason = "; ".join(hold.reasons)
        return Decision(Act.NOTHING, reason) if hold.again is None else Decision(Act.WAIT, reason, hold.again)
    if attempt is None or attempt.digest != desired.digest:
        return Decision(Act.SYNC, "git differs from the cluster")
    if attempt.succeeded:
        automated = spec.sync_policy.automated
        heals = automated is not None and automated.self_heal
        cause = _cause(comparison, stays or {}, heals=heals)
        return _after(self_heal, attempt, now, Act.HEAL, cause) if heals else Decision(Act.NOTHING, cause)
    return _retry(spec.sync_policy.retry, attempt, now)


def _cause(comparison: Comparison, stays: Mapping[ObjectKey, str], *, heals: bool) -> str:
    """Why something differs although a sync of the same succeeded, and if nothing is done about that, why."""
    left = why_left(comparison, stays)
    if left and stays:
        return left
    by = changed_by(comparison)
    cause = left or (f"the cluster was changed ({by})" if by else "the cluster was changed")
    return cause if heals else f"{cause}; automated.selfHeal is off"


def _obstacle(
    spec: AppSpec, desired: Desired, comparison: Comparison, conditions: tuple[Condition, ...], *, unfinished: bool
) -> str:
    """Why there is nothing to sync, or why it must not be; "" if neither."""
    automated = spec.sync_policy.automated
    if any(condition.type.is_error for condition in conditions):
        return "blocked by an error condition"
    if comparison.synced and not unfinished:
        return IN_SYNC.reason
    if automated is None:
        return _MISSED_HOOKS if comparison.synced else "out of sync; automated sync is off"
    left_over_only = all(item.verdict in (Verdict.SYNCED, Verdict.EXTRA) for item in comparison.objects.values())
    if left_over_only and not automated.prune and not unfinished:
        return "only pruning is needed; automated.prune is off"
    if wipes_out(desired, comparison) and not automated.allow_empty:
        return "git has no objects any more; automated.allowEmpty is off"
    return ""


def wipes_out(desired: Desired, comparison: Comparison) -> bool:
    """Whether the application wants nothing any more while it still has objects (Argo CD's `allowEmpty` case)."""
    return not desired.objects and bool(comparison.objects)


def _retry(policy: RetryPolicy, attempt: Attempt, now: float) -> Decision:
    if 0 <= policy.limit < attempt.count:
        tried = (
            "not retried"
            if not policy.limit
            else "retried once"
            if policy.limit == 1
            else f"retried {policy.limit} times"
        )
        return Decision(Act.NOTHING, f"the sync failed and was {tried} (syncPolicy.retry.limit)")
    return _after(
        Backoff(policy.seconds, policy.factor, policy.max_seconds), attempt, now, Act.SYNC, "the last sync failed"
    )


def _after(backoff: Backoff, attempt: Attempt, now: float, act: Act, reason: str) -> Decision:
    remaining = attempt.ended + backoff_seconds(backoff, attempt.count) - now
    if remaining > 0:
        return Decision(Act.WAIT, f"{reason}; next try after a back-off", remaining)
    return Decision(act, reason)
