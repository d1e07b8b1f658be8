"""What the daemon remembers of one application between two passes; everything in it can be computed again."""

from __future__ import annotations

from dataclasses import dataclass, field

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.decide import Attempt
from gitopsd.core.events import StatusChanged
from gitopsd.core.manifest import Desired, Rendered
from gitopsd.core.operation import Operation, Phase
from gitopsd.ports.cluster import Cluster


@dataclass(slots=True)
class Application:
    """One application at work.

    `cluster` is where its last pass looked. `rendered` is kept only while kinds among it are unknown to the cluster;
    `failures` counts passes in a row that could not compare. `looked`: a pass ended since the daemon started.
    """

    spec: AppSpec
    status: AppStatus
    published: StatusChanged | None = None
    looked: bool = False
    cluster: Cluster | None = None
    commits: tuple[str, ...] = ()
    renderers: tuple[str, ...] = ()
    rendered: Rendered | None = None
    desired: Desired | None = None
    comparison: Comparison = field(default=NOTHING_COMPARED)
    operation: Operation | None = None
    attempt: Attempt | None = None
    failures: int = 0

    @classmethod
    def begin(cls, spec: AppSpec, remembered: AppStatus | None, now: float) -> Application:
        """From its last saved status, if there is one: a sync that was under way when the daemon died is begun anew."""
        status = remembered or unknown_status(spec.name)
        last = status.operation
        attempt = None
        if last is not None and last.phase.done:
            succeeded = last.phase is Phase.SUCCEEDED
            attempt = Attempt(last.digest, succeeded, 0 if succeeded else last.retries + 1, now)
        return cls(spec, status, attempt=attempt)

    def respecify(self, spec: AppSpec) -> None:
        """Its owner changed it: what was made from the old spec is void; what the cluster was last given stays true."""
        self.spec = spec
        self.start_over()

    def start_over(self) -> None:
        """Forget what was fetched, rendered and compared."""
        self.commits = ()
        self.rendered = None
        self.desired = None
        self.comparison = NOTHING_COMPARED
        self.operation = None
