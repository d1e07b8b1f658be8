"""All kill points of a scenario: which there are, what became of each, and how that is told."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio

from tests.crash.run import Kill, Ran, run
from tests.long.ground import Ground
from tests.long.process import failure

EVERY_READ: Final = 7
EVERY_TWICE: Final = 3
_NAMES: Final = ("scenario", "killed at", "points", "struck", "resumed", "double", "skipped", "other end", "strangers")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run that was killed differs from one that was not; all empty: not at all."""

    kill: Kill
    struck: bool
    at: str = ""
    double: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether it ended as the undisturbed one."""
        return not (self.double or self.skipped or self.differing or self.strangers or self.error)


@dataclass
class Tried:
    """A scenario: its undisturbed run, and the verdicts on the others."""

    scenario: str
    calm: Ran
    verdicts: list[Verdict] = field(default_factory=list)


def every_point(calm: Ran, every_read: int = EVERY_READ) -> Iterator[Kill]:
    """Each request that writes and each transaction of the journal, before and after; of those that read some, and some
    where the next one is killed as well.
    """
    for number in range(1, calm.points["write"] + 1):
        yield Kill("write", number)
        yield Kill("write", number, after=True)
    for number in range(1, calm.points["journal"] + 1):
        yield Kill("journal", number)
        yield Kill("journal", number, after=True)
    for number in range(1, calm.points["read"] + 1, every_read):
        yield Kill("read", number, after=number % 2 == 0)
    nexts = itertools.cycle((Kill("write", 1, after=True), Kill("journal", 1, after=True), Kill("journal", 2)))
    for number in range(1, calm.points["journal"] + 1, EVERY_TWICE):
        yield Kill("journal", number, after=True, again=next(nexts))


def unsound(calm: Ran, hooks: Sequence[str]) -> str:
    """What is wrong with an undisturbed run; "" if nothing is: each of `hooks` ran once, and nothing of others was
    touched.
    """
    counts = {name: calm.created[name] for name in hooks}
    if any(count != 1 for count in counts.values()):
        return f"each hook is to be made once, and was: {counts}"
    return f"of others it touched {calm.strangers_touched}" if calm.strangers_touched else ""


async def try_each(
    ground: Ground,
    tried: Tried,
    kills: Sequence[Kill],
    at_once: int = 2,
    on_verdict: Callable[[Verdict], None] = lambda _: None,
) -> None:
    """One run for each, `at_once` side by side; `on_verdict` hears of each when it is over."""
    limiter = anyio.CapacityLimiter(at_once)

    async def one(kill: Kill) -> None:
        async with limiter:
            try:
                verdict = judged(kill, tried.calm, await run(ground, tried.scenario, kill, tried.calm))
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                verdict = Verdict(kill, struck=True, error=failure(error))
            tried.verdicts.append(verdict)
            on_verdict(verdict)

    async with anyio.create_task_group() as tasks:
        for kill in kills:
            tasks.start_soon(one, kill)


def judged(kill: Kill, calm: Ran, ran: Ran) -> Verdict:
    """The verdict on a run that was killed."""
    names = sorted({*calm.objects, *ran.objects})
    more = sorted(ran.written - calm.written)
    return Verdict(
        kill,
        ran.struck,
        ran.at,
        double=tuple((ran.created - calm.created).elements()),
        skipped=tuple((calm.created - ran.created).elements()),
        differing=tuple(name for name in names if calm.objects.get(name) != ran.objects.get(name))
        + tuple(f"written besides: {name}" for name in more),
        strangers=ran.strangers_touched,
    )


def table(all_tried: Sequence[Tried]) -> str:
    """A line for each scenario and place, and a paragraph for each run that ended otherwise."""
    rows = [_NAMES, *(row for tried in all_tried for row in _rows(tried))]
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(_NAMES))]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    bad = [(tried, verdict) for tried in all_tried for verdict in tried.verdicts if not verdict.good]
    lines += [f"\n{tried.scenario}, killed {verdict.kill} {verdict.at}\n{_told(verdict)}" for tried, verdict in bad]
    return "\n".join(lines)


def sort(kill: Kill) -> str:
    """What the table calls such a point."""
    return "twice" if kill.again else kill.where


def _rows(tried: Tried) -> Iterator[tuple[str, ...]]:
    for where in ("write", "read", "journal", "twice"):
        those = [verdict for verdict in tried.verdicts if sort(verdict.kill) == where]
        struck = [verdict for verdict in those if verdict.struck]
        if those:
            counts = Counter(
                double=sum(bool(each.double) for each in those),
                skipped=sum(bool(each.skipped) for each in those),
                differing=sum(bool(each.differing or each.error) for each in those),
                strangers=sum(bool(each.strangers) for each in those),
            )
            resumed = sum(each.good for each in struck)
            numbers = (len(those), len(struck), resumed, *(counts[name] for name in ("double", "skipped")))
            yield tried.scenario, where, *map(str, (*numbers, counts["differing"], counts["strangers"]))


def _told(verdict: Verdict) -> str:
    parts = {
        "double": ", ".join(verdict.double),
        "skipped": ", ".join(verdict.skipped),
        "other end": ", ".join(verdict.differing),
        "strangers touched": ", ".join(verdict.strangers),
        "error": verdict.error,
    }
    return "\n".join(f"  {name}: {text}" for name, text in parts.items() if text)
