"""How many objects go into one request, and who is to blame for one that failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

_KILLS: Final = 3
_REMEMBERED: Final = 1000

Item = TypeVar("Item")


def batches(items: Sequence[Item], size: Callable[[Item], int], most_bytes: int, most: int) -> list[Sequence[Item]]:
    """`items` in order, in parts of at most `most` items that have at most `most_bytes` together (or are one alone)."""
    parts: list[Sequence[Item]] = []
    part: list[Item] = []
    total = 0
    for item in items:
        bytes_of_item = size(item)
        if part and (total + bytes_of_item > most_bytes or len(part) == most):
            parts.append(part)
            part, total = [], 0
        part.append(item)
        total += bytes_of_item
    return [*parts, part] if part else parts


def halved(part: Sequence[Item], name: Callable[[Item], str]) -> list[Sequence[Item]]:
    """Two parts of at least two items: cut between two names if there are several, as near to the middle as can be."""
    names = [name(item) for item in part]
    borders = [number for number in range(1, len(part)) if names[number] != names[number - 1]]
    middle = len(part) // 2
    cut = min(borders, key=lambda number: abs(number - middle)) if borders else middle
    return [part[:cut], part[cut:]]


class Guilt:
    """How often an expression ended its process, all alone."""

    def __init__(self) -> None:
        self._kills: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def add(self, name: str, why: str) -> None:
        """Once more."""
        kills, _ = self._kills.pop(name, (0, ""))
        self._kills[name] = (kills + 1, why)
        if len(self._kills) > _REMEMBERED:
            self._kills.popitem(last=False)

    def verdict(self, name: str) -> str:
        """Why it is not evaluated again; "" for one that is."""
        kills, why = self._kills.get(name, (0, ""))
        return (
            f"it is not evaluated again, because it ended its process {kills} times ({why})" if kills >= _KILLS else ""
        )
