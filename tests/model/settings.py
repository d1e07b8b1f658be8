"""How many scenarios are tried."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import Phase, settings

MORE: Final = int(os.environ.get("GITOPSD_MODEL_TIMES", "1"))
"""How many times as many as in `make test`: what `make model` sets."""
_TRIED: Final = (Phase.explicit, Phase.reuse, Phase.generate)


def tries(number: int) -> settings:
    """So many scenarios, always the same ones; in a long run as many times as many, any ones, and the smallest case of
    what fails is looked for.
    """
    if MORE == 1:
        return settings(max_examples=number, phases=_TRIED, derandomize=True)
    return settings(max_examples=number * MORE, phases=(*_TRIED, Phase.shrink), print_blob=True)
