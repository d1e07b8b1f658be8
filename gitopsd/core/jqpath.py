"""jq expressions that are nothing but a path, as paths: most that people write are, and these need no jq.

.spec.template.spec.containers[].image                              every item
.spec.containers[] | select(.name == "web") | .image                the item whose `name` is `web`
.metadata.annotations."example.org/restarted-at"                    a key with dots
.metadata.annotations["example.org/restarted-at"], .spec.x[0]?      and these
"""

from __future__ import annotations

import re
from typing import Final

from gitopsd.core.fieldpath import AllItems, FieldPath, ItemWith, Step

_MOST_STEPS: Final = 64
_QUOTED: Final = r'"(?:[^"\\]|\\["\\])*"'
_STEP: Final = re.compile(
    rf"""(?:\.(?P<name>[A-Za-z_]\w*)
      | \.(?P<quoted>{_QUOTED})
      | \.?\[\s*(?P<bracket>{_QUOTED})\s*\]
      | \.?\[\s*(?P<index>\d{{1,9}})\s*\]
      | \.?(?P<all>\[\s*\])
    )\??""",
    re.VERBOSE,
)
_SELECT: Final = re.compile(
    rf"\s*\|\s*select\(\s*\.(?P<key>[A-Za-z_]\w*)\s*==\s*(?P<value>{_QUOTED})\s*\)\s*(?:\|\s*(?=[.\[]))?"
)
_PIPE: Final = re.compile(r"\s*\|\s*(?=\.)")


def jq_path(text: str) -> FieldPath | None:
    """The path that a jq expression is; None where it is more than that."""
    text = text.strip()
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if len(steps) > _MOST_STEPS:
            return None
        chosen = _SELECT.match(text, at)
        if chosen is not None and steps and isinstance(steps[-1], AllItems):
            steps[-1] = ItemWith(chosen["key"], _unescaped(chosen["value"]))
            at = chosen.end()
            continue
        if steps and (pipe := _PIPE.match(text, at)) is not None:
            at = pipe.end()
        found = _STEP.match(text, at)
        if found is None or text[at] not in ".[":
            return None
        steps.append(_step(found))
        at = found.end()
    return tuple(steps) or None


def _step(found: re.Match[str]) -> Step:
    if found["all"]:
        return AllItems()
    if found["index"]:
        return int(found["index"])
    if found["name"]:
        return found["name"]
    return _unescaped(found["quoted"] if found["quoted"] is not None else found["bracket"])


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
