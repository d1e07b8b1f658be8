"""A set of names that can only say whether a name is in it, in some 16 bytes for each."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

_SMALLEST: Final = 8
_FULL: Final = 0.7
_GROWTH: Final = 1.5


class Places:
    """Keeps 64 bits of a hash that differs from process to process: nobody outside can choose names that collide, and
    that two of a million do by chance happens once in 10 million lists.

    Open addressing with linear probing; whoever is taken out makes room for those that were pushed aside.
    """

    __slots__ = ("_count", "_slots")

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: str) -> bool:
        return self._slots[self._find(_number(name))] != 0

    def add(self, name: str) -> None:
        """`name` is in it from now on."""
        self._put(_number(name))

    def discard(self, name: str) -> None:
        """`name` is not in it any more."""
        slots = self._slots
        size = len(slots)
        hole = self._find(_number(name))
        if not slots[hole]:
            return
        self._count -= 1
        here = hole
        while True:
            slots[hole] = 0
            while True:
                here = (here + 1) % size
                if not slots[here]:
                    return
                home = slots[here] % size
                if (here - home) % size >= (here - hole) % size:
                    break
            slots[hole], hole = slots[here], here

    def _put(self, number: int) -> None:
        place = self._find(number)
        if self._slots[place]:
            return
        if self._count + 1 > len(self._slots) * _FULL:
            numbers = list(self._numbers())
            self._slots = array("Q", bytes(8 * int(len(self._slots) * _GROWTH)))
            for other in numbers:
                self._slots[self._find(other)] = other
            place = self._find(number)
        self._slots[place] = number
        self._count += 1

    def _find(self, number: int) -> int:
        """Where it is, or would be."""
        slots = self._slots
        size = len(slots)
        place = number % size
        while (there := slots[place]) and there != number:
            place += 1
            if place == size:
                place = 0
        return place

    def _numbers(self) -> Iterator[int]:
        return (number for number in self._slots if number)


def _number(name: str) -> int:
    return hash(name) & 0xFFFF_FFFF_FFFF_FFFF or 1
