"""The buckets of histograms, in seconds."""

from __future__ import annotations

from typing import Final

FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""What usually takes milliseconds."""
SLOW: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""What usually takes a part of a second, and can take a minute."""
