"""What the daemon remembers of one application between two passes; everything in it can be computed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.decide import Attempt
from gitopsd.core.events import StatusChanged
from gitopsd.core.findings import Shared
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.manifest import Desired, KindInfo, Rendered
from gitopsd.core.normalize import CompareRules
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.orphans import NOT_ASKED, Orphaned
from gitopsd.ports.cluster import Cluster


@dataclass(slots=True)
class Application:
    """One application at work.

    `cluster` is where its last pass looked, `kinds` what it ever looked at there. `rendered` is kept only while kinds
    among it are unknown to the cluster; `content` names the manifests that `desired` was made of, `served` their kinds
    as the cluster told them, `random` what in them is no function of git, `places` where else they were got from,
    `moved` whether one of those may have moved since. `included` is `desired` without the kinds that the cluster
    excludes. `comparison` was made by `rules`; `shared` is what in it others have too, `used_ignores` are the rules of
    the application that ever found something to ignore. `orphaned` is what belongs to nobody where it deploys to.
    `failures` counts passes in a row that could not compare. `looked`: a pass ended since the daemon started.
    `writing`: steps of a sync are under way. `disturbed`: a live change came during the pass; before `rest_until`
    (monotonic clock) live changes wake nobody.
    """

    spec: AppSpec
    status: AppStatus
    published: StatusChanged | None = None
    looked: bool = False
    cluster: Cluster | None = None
    kinds: set[GroupKind] = field(default_factory=set)
    commits: tuple[str, ...] = ()
    renderers: tuple[str, ...] = ()
    rendered: Rendered | None = None
    content: str = ""
    served: Mapping[GVK, KindInfo] = field(default_factory=dict)
    random: tuple[str, ...] = ()
    places: frozenset[tuple[str, str, str]] = frozenset()
    moved: bool = False
    desired: Desired | None = None
    included: Desired | None = None
    comparison: Comparison = field(default=NOTHING_COMPARED)
    rules: CompareRules | None = None
    shared: tuple[Shared, ...] = ()
    used_ignores: set[IgnoreRule] = field(default_factory=set)
    orphaned: Orphaned = NOT_ASKED
    operation: Operation | None = None
    attempt: Attempt | None = None
    failures: int = 0
    writing: bool = False
    disturbed: bool = False
    rest_until: float = 0.0

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

    def respecified(self, spec: AppSpec) -> Application:
        """Its owner changed it: what was made from the old spec is void; what the cluster was last given stays true.

        A new object, so that a pass that still works by the old spec cannot mix the two.
        """
        return Application(
            spec,
            self.status,
            self.published,
            self.looked,
            self.cluster,
            self.kinds,
            orphaned=self.orphaned,
            attempt=self.attempt,
        )

    def move(self, cluster: Cluster) -> None:
        """Look at another cluster from now on; what was synced into the old one says nothing of this one."""
        if self.cluster is not None and self.cluster.server != cluster.server:
            self.attempt = None
            self.status = replace(self.status, resources=())
        self.cluster = cluster
        self.kinds = set()
        self.commits = ()
        self.rendered = None
        self.content = ""
        self.desired = None
        self.included = None
        self.comparison = NOTHING_COMPARED
        self.orphaned = NOT_ASKED
        self.operation = None
