"""The settings of the control room, which a reload changes while everything runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from gitopsd.core.customization import ResourceSettings
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ids import GroupKind
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.schedule import SELF_HEAL, Backoff


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """`interval` and `jitter` (seconds) of the look-ups of each repository; how many passes share a cluster."""

    interval: float = 180.0
    jitter: float = 60.0
    concurrency: int = 16
    self_heal: Backoff = SELF_HEAL
    timing: Timing = NO_TIMEOUTS
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    projects: Projects = ONLY_DEFAULT
    sync: SyncSettings = field(default_factory=SyncSettings)


@dataclass(slots=True)
class Tuning:
    """The settings that count `now`; its methods are what others ask each time that they need one of them."""

    now: SupervisorSettings

    def self_heal(self) -> Backoff:
        """How self-healing waits between two attempts."""
        return self.now.self_heal

    def timing(self) -> Timing:
        """For how long verdicts on health stand."""
        return self.now.timing

    def resources(self) -> ResourceSettings:
        """How kinds are compared and tracked."""
        return self.now.resources

    def protected(self) -> frozenset[GroupKind]:
        """The kinds of which objects are not deleted unless somebody says so."""
        return self.now.sync.protected

    def projects(self) -> Projects:
        """What applications may do."""
        return self.now.projects
