"""A cron expression of five fields in a time zone: is it one, and when does it come.

It means what Argo CD's parser takes it for. Where clocks are set forward over a start, it comes at the first minute
after the gap. Where they are set back over one, it comes once; one with a star for its minute or hour comes each time.

The library counts on clocks without jumps; what these do to a start is decided here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

EXPECTED: Final = "expected five fields: minute, hour, day of month, month, day of week"
EXPECTED_ZONE: Final = "expected the name of a time zone such as UTC or Europe/Berlin"
_FIELDS: Final = {
    "minute": "minute (0-59)",
    "hour": "hour (0-23)",
    "day-of-month": "day of month (1-31)",
    "month": "month (1-12, JAN-DEC)",
    "day-of-week": "day of week (0-6, SUN-SAT)",
}
_FIELD: Final = re.compile(r"[0-9A-Za-z*/,?#-]{1,200}", re.ASCII)
_STEP: Final = re.compile(r"\*/0*([0-9]+)", re.ASCII)
# Clocks jump by less.
_JUMP: Final = timedelta(hours=3)
_MINUTE: Final = timedelta(minutes=1)
_A_MOMENT: Final = timedelta(microseconds=1)
_SOME_TIME: Final = datetime(2024, 1, 1)  # noqa: DTZ001  # the library is asked for what clocks show: it has no zone


class BadScheduleError(ValueError):
    """A text that is no schedule, or no time zone; says what was expected."""


class Cron:
    """The expression `text` in the time zone `zone`. Raises `BadScheduleError`."""

    def __init__(self, text: str, zone: str) -> None:
        self._text = _normalised(text)
        self._often = any(field.startswith("*") for field in self._text.split()[:2])
        self._zone = time_zone(zone)
        try:
            comes = next(CronSim(self._text, _SOME_TIME), None)
        except (CronSimError, ValueError, AssertionError) as error:
            field = _FIELDS.get(str(error).removeprefix("Bad "), "")
            raise BadScheduleError(f"{EXPECTED}; the {field} cannot be used" if field else EXPECTED) from None
        if comes is None:
            raise BadScheduleError("expected a schedule that comes: there is no such day")

    def last(self, moment: datetime) -> datetime | None:
        """The last start at `moment` or before it, in UTC."""
        local, around = self._local(moment)
        # Going back, cronsim leaves out the second that it begins at, but not if that has begun.
        found, shown = None, local
        for shown_start in CronSim(self._text, local + around + _A_MOMENT, reverse=True):
            if found is not None and shown_start < shown - around:
                break
            before = [start for start in self._starts(shown_start) if start <= moment]
            if before and (found is None or max(before) > found):
                found, shown = max(before), shown_start
            if found is not None and not around:
                break
        return found

    def following(self, moment: datetime) -> datetime | None:
        """The first start after `moment`, in UTC."""
        local, around = self._local(moment)
        found, shown = None, local
        for shown_start in CronSim(self._text, local - around):
            if found is not None and shown_start > shown + around:
                break
            after = [start for start in self._starts(shown_start) if start > moment]
            if after and (found is None or min(after) < found):
                found, shown = min(after), shown_start
            if found is not None and not around:
                break
        return found

    def _local(self, moment: datetime) -> tuple[datetime, timedelta]:
        """What clocks there show at `moment`, and by how much they jump around it: mostly by nothing."""
        before, after = ((moment + step).astimezone(self._zone).replace(tzinfo=None) for step in (-_JUMP, _JUMP))
        local = moment.astimezone(self._zone).replace(tzinfo=None)
        return local, abs(after - before - 2 * _JUMP)

    def _starts(self, shown: datetime) -> tuple[datetime, ...]:
        """The moments of a start at which clocks there show `shown`."""
        first = shown.replace(tzinfo=self._zone)
        while (utc := first.astimezone(UTC)).astimezone(self._zone).replace(tzinfo=None) != shown:
            shown += _MINUTE
            first = shown.replace(tzinfo=self._zone)
        second = first.replace(fold=1).astimezone(UTC)
        return (utc, second) if self._often and second > utc else (utc,)


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """The time zone with this name (IANA). Raises `BadScheduleError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadScheduleError(EXPECTED_ZONE) from None


def _normalised(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS) or not all(map(_FIELD.fullmatch, fields)):
        raise BadScheduleError(EXPECTED)
    minute, hour, day, month, weekday = (field.replace("?", "*") for field in fields)
    return " ".join((minute, hour, _stepped(day, "1-31"), month, _stepped(weekday, "0-6")))


def _stepped(field: str, whole: str) -> str:
    """`*/2` of days without its star: with one both fields of days have to fit, without it one of them has to, and to
    Argo CD's parser a step is no star.
    """
    step = _STEP.fullmatch(field)
    return f"{whole}/{step[1]}" if step is not None and step[1] not in ("0", "1") else field
