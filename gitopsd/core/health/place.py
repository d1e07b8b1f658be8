"""Where a field stands in an object, as rules write it: `status.phase`, `metadata.labels["a.b/c"]`, `items[0].x`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from gitopsd.core.jsonvalue import JsonValue

_STEP: Final = re.compile(r"""\.?(?:(?P<name>[A-Za-z_$][\w$-]*)|\["(?P<quoted>[^"]*)"\]|\[(?P<index>\d{1,4})\])""")

Place = tuple[str | int, ...]


@lru_cache(maxsize=4096)
def parse_place(text: str) -> Place:
    """The steps that `text` names. Raises ValueError where it is no place."""
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or text[at] not in (".[" if at else "[" + text[at].lstrip(".")):
            raise ValueError(f'{text!r} is no path like status.phase or metadata.labels["a.b/c"]')
        name = found["name"] if found["name"] is not None else found["quoted"]
        steps.append(name if name is not None else int(found["index"]))
        at = found.end()
    return tuple(steps)


def at_place(root: JsonValue, place: Place) -> JsonValue:
    """What stands at `place`; None where nothing does, or null."""
    here: JsonValue = root
    for step in place:
        if isinstance(step, str):
            if not isinstance(here, Mapping) or step not in here:
                return None
            here = here[step]
        else:
            if not isinstance(here, Sequence) or isinstance(here, str) or step >= len(here):
                return None
            here = here[step]
    return here
