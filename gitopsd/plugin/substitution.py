"""Argo CD's build environment inside of options.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/ ; the rules of `$` are those of Go's
`os.Expand`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|([$*#@!?0-9-]))")


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """`text` with `$NAME` and `${NAME}` replaced; a name that is not set becomes nothing, `$$` becomes `$`."""

    def value(match: re.Match[str]) -> str:
        braced, plain, special = match.groups()
        if special is not None:
            return "$" if special == "$" else ""
        return environment.get(plain if braced is None else braced, "")

    return _REFERENCE.sub(value, text) if "$" in text else text
