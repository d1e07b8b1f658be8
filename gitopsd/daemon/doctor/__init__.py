"""The examination of an installation: what `gitopsd admin doctor` looks at, with and without a running daemon."""

from __future__ import annotations

from gitopsd.daemon.doctor.examination import examine
from gitopsd.daemon.doctor.patient import RunningDaemon

__all__ = ["RunningDaemon", "examine"]
