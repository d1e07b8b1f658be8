"""What is examined: one configuration, on this machine, and what its daemon left behind or tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.config import Config
from gitopsd.core.ids import AppName, GroupKind
from gitopsd.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """What the daemon behind the socket says of itself. `trouble` is why it is not ready, or why it does not answer
    though it runs; "" if all is well.
    """

    version: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """`objects` are the kinds of each application and the namespaces that their objects are in ("" for those outside of
    any, and for the application's own), as the daemon saw them last, or as they are rendered now.

    `holder` is the process that has the state folder (None: none). `running` is what the daemon behind the socket says,
    None where none answers.
    """

    config: Config
    environ: Mapping[str, str]
    clock: Clock
    objects: Mapping[AppName, frozenset[tuple[GroupKind, str]]] = field(default_factory=dict)
    holder: int | None = None
    running: RunningDaemon | None = None
