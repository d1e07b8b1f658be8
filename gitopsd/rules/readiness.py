"""Whether live objects are ready, by users' CEL expressions: `ports.ReadinessJudge`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gitopsd.core.customization import HealthRule
from gitopsd.core.dependency import Readiness
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK
from gitopsd.core.ignore import KindPattern
from gitopsd.core.live import LiveObject
from gitopsd.ports import readiness as port
from gitopsd.ports.health import HealthJudge
from gitopsd.rules.expressions import Expressions

_READY: Final = Readiness(True)
_GOING: Final = Readiness(False, "it is being deleted")
_DOES_NOT_HOLD: Final = "its `ready` does not hold"


class ReadinessJudge:
    """Asks the engine for expressions, and `health` for objects without one. Without `expressions` none holds."""

    def __init__(self, health: HealthJudge, expressions: Expressions | None = None) -> None:
        self._health = health
        self._expressions = expressions

    async def ready(self, asked: Sequence[tuple[LiveObject, str]]) -> Sequence[Readiness]:
        """As the port says."""
        stay = [(live, expression) for live, expression in asked if not live.deleting]
        plain = [live for live, expression in stay if not expression]
        healths = await self._health.assess(plain) if plain else {}
        ruled = [(live, expression) for live, expression in stay if expression]
        judged = iter(await self._judged(ruled) if ruled else ())
        return [
            _GOING if live.deleting else next(judged) if expression else _of_health(healths.get(live.key))
            for live, expression in asked
        ]

    async def _judged(self, asked: Sequence[tuple[LiveObject, str]]) -> Sequence[Readiness]:
        if self._expressions is None:
            return [Readiness(False, "the engine that evaluates `ready` is not there")] * len(asked)
        rules = [(ready_rule(live.gvk, expression), live.document) for live, expression in asked]
        return [_of_rule(verdict.health) for verdict in await self._expressions.health(rules)]


def ready_rule(gvk: GVK, expression: str, where: str = "") -> HealthRule:
    """The expression as a rule of health, for `Expressions.health` and `Expressions.check`: it says Healthy where the
    expression holds. What is said of its lines counts from 2: the expression begins on a line of its own.
    """
    source = f"(\n{expression}\n) ? 'Healthy' : 'Progressing'"
    return HealthRule(KindPattern(gvk.group, gvk.kind), "cel", source, where=where)


def _of_rule(health: Health | None) -> Readiness:
    if health is None:
        return Readiness(False, _DOES_NOT_HOLD)
    if health.status is HealthStatus.HEALTHY:
        return _READY
    return Readiness(False, health.message.removeprefix("Health rule: ") or _DOES_NOT_HOLD)


def _of_health(health: Health | None) -> Readiness:
    """A kind without a sign of health is as healthy as it gets."""
    if health is None or health.status is HealthStatus.HEALTHY:
        return _READY
    return Readiness(False, f"{health.status}: {health.message}" if health.message else str(health.status))


if TYPE_CHECKING:

    def _guard(judge: ReadinessJudge) -> port.ReadinessJudge:
        return judge
