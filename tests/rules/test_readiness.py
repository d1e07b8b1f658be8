"""Objects that applications wait for: by expression in the real process, or by health."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitopsd.core.dependency import Readiness
from gitopsd.core.health.status import degraded, progressing
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.live import LiveObject
from gitopsd.rules.expressions import Expressions
from gitopsd.rules.readiness import ReadinessJudge, ready_rule
from gitopsd.testing.health import FakeJudge
from tests.rules.conftest import live

READY = Readiness(True)


async def one(judge: ReadinessJudge, shown: LiveObject, expression: str) -> Readiness:
    (found,) = await judge.ready([(shown, expression)])
    return found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("object.status.ready", READY),
        ("object.status.ready && size(object.metadata.name) == 3  // a comment", READY),
        ("!object.status.ready", Readiness(False, "its `ready` does not hold")),
        ("has(object.status.phase) && object.status.phase == 'Up'", Readiness(False, "its `ready` does not hold")),
    ],
)
async def test_an_object_is_ready_when_its_expression_holds(
    expressions: Expressions, expression: str, found: Readiness
) -> None:
    judge = ReadinessJudge(FakeJudge(), expressions)
    assert await one(judge, live(status={"ready": True}), expression) == found


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("object.status.phase == 'Up'", "no such key"),
        ("object.metadata.name", "no such overload"),
        ("1 +", "Syntax error"),
        ("'yes'", "no matching overload"),
    ],
)
async def test_what_cannot_be_evaluated_is_not_ready_and_says_why(
    expressions: Expressions, expression: str, why: str
) -> None:
    found = await one(ReadinessJudge(FakeJudge(), expressions), live(status={"ready": True}), expression)
    assert not found.ready
    assert why in found.why
    assert not found.why.startswith("Health rule")


async def test_objects_are_judged_in_the_order_in_which_they_are_asked_for(expressions: Expressions) -> None:
    health = FakeJudge()
    health.given = {GroupKind("example.org", "Widget"): degraded("no disk"), GroupKind("", "Secret"): None}
    going = replace(live(name="d", status={"ready": True}), deleting=True)
    secret = replace(live(name="s"), key=live(name="s").key._replace(group="", kind="Secret"))
    asked = [
        (live(name="a"), ""),
        (live(name="b", status={"ready": True}), "object.status.ready"),
        (going, "object.status.ready"),
        (secret, ""),
        (live(name="c", status={"ready": False}), "object.status.ready"),
    ]
    assert await ReadinessJudge(health, expressions).ready(asked) == [
        Readiness(False, "Degraded: no disk"),
        READY,
        Readiness(False, "it is being deleted"),
        READY,
        Readiness(False, "its `ready` does not hold"),
    ]
    assert health.asked == 2


async def test_without_an_engine_no_expression_holds_and_health_counts() -> None:
    health = FakeJudge()
    health.given = {GroupKind("example.org", "Widget"): progressing("")}
    judge = ReadinessJudge(health)
    assert await one(judge, live(), "") == Readiness(False, "Progressing")
    assert await one(judge, live(), "true") == Readiness(False, "the engine that evaluates `ready` is not there")


async def test_an_expression_can_be_checked_before_it_is_needed(expressions: Expressions) -> None:
    good, bad = (
        ready_rule(GVK("", "v1", "Secret"), "true"),
        ready_rule(GVK("", "v1", "Secret"), "true &&", "a.yaml:3:5"),
    )
    wrong, _ = await expressions.check([good, bad])
    assert wrong[0] is None
    assert wrong[1] is not None
    assert wrong[1].position.file == "a.yaml:3:5"
