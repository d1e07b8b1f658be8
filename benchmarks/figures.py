"""What was measured, beside its floor and its aim."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {"ms": 1000.0, "s": 1.0, "%": 100.0, "MB": 1e-6, "kB": 1e-3, "B": 1.0, "": 1.0, "µs": 1e6}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `value` and `floor` are in seconds, bytes, shares or counts; `unit` is what they are shown in.

    The aim is a `limit` for the value, or for its ratio to the floor (`of_ratio`); None where there is none.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    limit: float | None = None
    of_ratio: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the floor; None without one."""
        return self.value / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        judged = self.ratio if self.of_ratio else self.value
        return None if self.limit is None or judged is None else judged <= self.limit

    def row(self) -> list[str]:
        """Name, value, floor, ratio, aim, verdict, note."""
        aim = ""
        if self.limit is not None:
            aim = f"≤ {self.limit:g} of the floor" if self.of_ratio else f"≤ {shown(self.limit, self.unit)}"
        floor = f"{shown(self.floor, self.unit)} {self.floor_name}" if self.floor is not None else ""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return [self.name, shown(self.value, self.unit), floor, ratio, aim, verdict, self.note]

    def record(self) -> dict[str, str | float | bool | None]:
        """For the result file; value, floor and limit in `unit`."""
        scale = _UNITS[self.unit]
        limit = self.limit if self.of_ratio or self.limit is None else self.limit * scale
        return {
            "name": self.name,
            "value": self.value * scale,
            "unit": self.unit,
            "floor": None if self.floor is None else self.floor * scale,
            "floor_name": self.floor_name,
            "ratio": self.ratio,
            "limit": limit,
            "limit_of": "ratio" if self.of_ratio else "value",
            "met": self.met,
            "note": self.note,
        }


def shown(value: float, unit: str) -> str:
    """`value` in `unit`, with as many digits as mean something."""
    number = value * _UNITS[unit]
    digits = 0 if number == int(number) or number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f} {unit}".strip()


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], unit: str = "ms") -> str:
    """`p95 and max` of latencies, as a note."""
    return f"p95 {shown(quantile(values, 0.95), unit)}, max {shown(max(values), unit)}, n {len(values)}"


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first row underlined."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
