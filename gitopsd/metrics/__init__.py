"""Every metric's name once, and what is counted under it."""

from gitopsd.metrics.exposition import Exposition
from gitopsd.metrics.lag import sample_loop_lag
from gitopsd.metrics.recorder import Recorder

__all__ = ["Exposition", "Recorder", "sample_loop_lag"]
