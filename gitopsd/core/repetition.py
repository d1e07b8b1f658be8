"""Which errors are worth telling again: the same one now and then only, a new one at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

_What = TypeVar("_What")
_MOST: Final = 1024


@dataclass(frozen=True, slots=True)
class KeptBack(Generic[_What]):
    """`what` was told at `since` and came `count` times again after that, which nobody was told of yet."""

    what: _What
    since: float
    count: int


@dataclass(frozen=True, slots=True)
class Verdict(Generic[_What]):
    """Whether to tell something now, and what was kept back and has to be told before it."""

    tell: bool
    before: tuple[KeptBack[_What], ...] = ()


@dataclass(slots=True)
class _Told(Generic[_What]):
    subject: Hashable
    what: _What
    since: float
    count: int = 0


class Repetitions(Generic[_What]):
    """What was told lately. Times are seconds of one clock that only goes forwards.

    The same thing (equal `identity`) is told once in `interval` seconds; with 0 always. How often it came meanwhile is
    told when it is told again, when the interval ends (`due`), when something else is told of its subject, and when
    all is well with the subject again (`well`): from then on even the same error is news. Of at most `most` things it
    knows when they were told; of more, the oldest count as news again.
    """

    def __init__(self, interval: float, most: int = _MOST) -> None:
        self.interval = interval
        self._most = most
        # In the order in which they were told: the first is the first whose interval ends.
        self._told: OrderedDict[Hashable, _Told[_What]] = OrderedDict()
        self._subjects: dict[Hashable, set[Hashable]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def judge(self, subject: Hashable, identity: Hashable, what: _What, now: float) -> Verdict[_What]:
        """Whether to tell `what` now. It is told again in the words of the last time that it came."""
        known = self._told.get(identity)
        if known is not None and now - known.since < self.interval:
            known.count += 1
            known.what = what
            return Verdict(tell=False)
        before = [*self.due(now)]
        before += self._take(subject)
        if self.interval > 0:
            self._forget(identity)
            while len(self._told) >= self._most:
                before += self._kept(self._forget(next(iter(self._told))))
            self._told[identity] = _Told(subject, what, now)
            self._subjects.setdefault(subject, set()).add(identity)
        return Verdict(tell=True, before=tuple(before))

    def well(self, subject: Hashable) -> tuple[KeptBack[_What], ...]:
        """Forget what was told of the subject; what was kept back of it."""
        found: list[KeptBack[_What]] = []
        for identity in sorted(self._subjects.get(subject, ()), key=lambda each: self._told[each].since):
            found += self._kept(self._forget(identity))
        return tuple(found)

    def due(self, now: float) -> tuple[KeptBack[_What], ...]:
        """What was kept back in intervals that are over."""
        found: list[KeptBack[_What]] = []
        while self._told:
            identity, first = next(iter(self._told.items()))
            if now - first.since < self.interval:
                break
            found += self._kept(self._forget(identity))
        return tuple(found)

    def everything(self) -> tuple[KeptBack[_What], ...]:
        """What was kept back at all, and forget everything: nobody will ask later."""
        found = [kept for told in self._told.values() for kept in self._kept(told)]
        self._told.clear()
        self._subjects.clear()
        return tuple(found)

    def next_due(self) -> float | None:
        """When something that was kept back has to be told; None if nothing was."""
        return next((told.since + self.interval for told in self._told.values() if told.count), None)

    def _take(self, subject: Hashable) -> list[KeptBack[_What]]:
        """What was kept back of a subject; it counts anew from then on."""
        found: list[KeptBack[_What]] = []
        for identity in self._subjects.get(subject, ()):
            told = self._told[identity]
            found += self._kept(told)
            told.count = 0
        return sorted(found, key=lambda kept: kept.since)

    def _forget(self, identity: Hashable) -> _Told[_What] | None:
        told = self._told.pop(identity, None)
        if told is not None:
            of_subject = self._subjects[told.subject]
            of_subject.discard(identity)
            if not of_subject:
                del self._subjects[told.subject]
        return told

    @staticmethod
    def _kept(told: _Told[_What] | None) -> list[KeptBack[_What]]:
        return [KeptBack(told.what, told.since, told.count)] if told is not None and told.count else []
