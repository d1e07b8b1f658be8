"""What other applications want of the objects that one of them gives up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.core.ids import AppName, ObjectKey


@dataclass(frozen=True, slots=True)
class Claims:
    """`wanted` names for each object that another application wants that application. Of those in `unknown` nobody can
    say yet what they want: not to know it is no leave to delete.
    """

    wanted: Mapping[ObjectKey, str] = field(default_factory=dict)
    unknown: tuple[AppName, ...] = ()


NOTHING_CLAIMED = Claims()


def claim(wanted: Mapping[ObjectKey, str], key: ObjectKey) -> str:
    """Why the object stays; "" if nobody else wants it."""
    other = wanted.get(key, "")
    return f"application {other} wants it too" if other else ""
