"""What the daemon remembers of one application between two passes; everything in it can be computed again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gitopsd.control.asking import AskedPlan, AskedSync
from gitopsd.core.annotations import DELETION_APPROVED
from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.appstatus import AppStatus, SyncCode, unknown_status, with_held
from gitopsd.core.autorollback import Unfinished
from gitopsd.core.causes import Causes
from gitopsd.core.clockstep import stepped, stepped_health, stepped_past
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.decide import Attempt
from gitopsd.core.dependency import Readiness
from gitopsd.core.events import StatusChanged
from gitopsd.core.findings import Shared
from gitopsd.core.guards import too_many
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import Past, Pin
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.manifest import Desired, KindInfo, Rendered
from gitopsd.core.normalize import CompareRules
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.orphans import NOT_ASKED, Orphaned
from gitopsd.core.progress import runs_hooks
from gitopsd.core.staying import staying
from gitopsd.ports.cluster import Cluster

_MOST_ANSWERED: Final = 8


@dataclass(slots=True)
class Application:
    """One application at work.

    `cluster` is where its last pass looked, `kinds` what it ever looked at there. `rendered` is kept only while kinds
    among it are unknown to the cluster; `content` names the manifests that `desired` was made of, `served` their kinds
    as the cluster told them, `random` what in them is no function of git, `places` where else they were got from,
    `moved` whether one of those may have moved since. `included` is `desired` without the kinds that the cluster
    excludes. `comparison` was made by `rules`; `shared` is what in it others have too, `used_ignores` are the rules of
    the application that ever found something to ignore. `orphaned` is what belongs to nobody where it deploys to.
    `operation` is the one under way, as far as it came; `asked_plans` and `asked_syncs` wait for the next pass, which
    plans the one that is `beginning`; `answered` are the last of which no operation came, `refused` is a rollback among
    them whose pin is still in the journal;
    `terminate` is who wants the operation to end, `confirmed_at` when somebody let it delete what waits for that.
    `past` is its history once it was read, `pin` what it is held at, `held` the objects of the pin or of an
    operation that applies something else than git has now, once they were read, after the name they are kept by.
    `healthy_with` is the digest that it was known to be Healthy with. `readiness` is that of the live objects that
    it depends on. `causes` are objects whose change may cure the last failure, `cause_versions` how they were then.

    `failures` counts passes in a row that could not compare. `looked`: a pass ended since the daemon started;
    `judged`: one ended with this `spec`, or its status is known from before the start; `tried`: one ended with this
    `spec`, whatever came of it. `gave_up`: the digest with which it waits to prune until others looked, since when.
    `writing`: steps of a sync are under way. `disturbed`: a live change came during the pass; before `rest_until`
    (monotonic clock) live changes wake nobody. `clock_set`: by how many seconds the time of day was set since
    moments of `operation` were noted.
    """

    spec: AppSpec
    status: AppStatus
    published: StatusChanged | None = None
    looked: bool = False
    judged: bool = field(default=False, kw_only=True)
    tried: bool = field(default=False, kw_only=True)
    gave_up: tuple[str, datetime] | None = field(default=None, kw_only=True)
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
    asked_plans: list[AskedPlan] = field(default_factory=list)
    asked_syncs: list[AskedSync] = field(default_factory=list)
    beginning: AskedSync | None = None
    answered: deque[AskedSync] = field(default_factory=lambda: deque(maxlen=_MOST_ANSWERED))
    refused: AskedSync | None = None
    terminate: str = ""
    confirmed_at: datetime | None = None
    past: Past | None = None
    pin: Pin | None = None
    held: tuple[str, Desired] | None = None
    healthy_with: str = ""
    counted: tuple[str, int] = ("", 0)
    trying: Unfinished | None = None
    held_back: tuple[str, ...] = ()
    look_again: datetime | None = None
    readiness: Mapping[Dependency, Readiness] = field(default_factory=dict)
    attempt: Attempt | None = None
    causes: Causes = field(default_factory=dict)
    cause_versions: Mapping[ObjectKey, str] = field(default_factory=dict)
    failures: int = 0
    writing: bool = False
    disturbed: bool = False
    rest_until: float = 0.0
    clock_set: float = 0.0

    @classmethod
    def begin(
        cls,
        spec: AppSpec,
        remembered: AppStatus | None,
        now: float,
        *,
        operation: Operation | None = None,
        ended: Operation | None = None,
        pin: Pin | None = None,
    ) -> Application:
        """From its last saved status, if there is one. An `operation` that was journalled goes on where it was; another
        one that was under way when the daemon died is begun anew, unless it had `ended` by then: the status may have
        been saved before that.
        """
        status = remembered or unknown_status(spec.name)
        last = status.operation
        if ended is not None and (last is None or last.started_at <= ended.started_at):
            if last is not None and last.id == ended.id:
                last = replace(ended, results=last.results)
            else:  # what it left undone is in no status yet
                last = ended
                status = replace(status, resources=with_held(status.resources, too_many(staying(last))))
            status = replace(status, operation=last)
        attempt = None
        if last is not None and last.phase.done:
            succeeded = last.phase is Phase.SUCCEEDED
            unfinished = not succeeded and runs_hooks(last)
            attempt = Attempt(last.digest, succeeded, 0 if succeeded else last.retries + 1, now, unfinished)
        judged = remembered is not None
        known = cls(spec, status, judged=judged, attempt=attempt, operation=operation, pin=pin)
        if last is not None and status.sync is SyncCode.SYNCED and status.health.status is HealthStatus.HEALTHY:
            known.healthy_with = last.digest
        return known

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
            operation=self.operation,
            asked_plans=self.asked_plans,
            asked_syncs=self.asked_syncs,
            answered=self.answered,
            refused=self.refused,
            terminate=self.terminate,
            confirmed_at=self.confirmed_at,
            clock_set=self.clock_set,
            counted=self.counted,
            healthy_with=self.healthy_with,
            past=self.past,
            pin=self.pin,
        )

    def set_clock(self, seconds: float) -> None:
        """The time of day was set by so much: what was noted by it is meant so much later."""
        if self.operation is not None:
            self.clock_set += seconds
        by = timedelta(seconds=seconds)
        if self.confirmed_at is not None:
            self.confirmed_at += by
        if self.trying is not None:
            self.trying = replace(self.trying, began=self.trying.began + by)
        if self.gave_up is not None:
            self.gave_up = (self.gave_up[0], self.gave_up[1] + by)
        if self.past is not None:
            self.past = stepped_past(self.past, seconds)
        self.status = stepped_health(self.status, seconds)

    def by_the_clock(self, operation: Operation) -> Operation:
        """The operation under way with its moments as the clock, which may have been set, has them now."""
        seconds, self.clock_set = self.clock_set, 0.0
        return stepped(operation, seconds)

    @property
    def queued(self) -> AskedSync | None:
        """The sync that somebody asked for and that waits for its turn."""
        return next((item for item in self.asked_syncs if not item.request.automated), None)

    def refuse(self, error: Exception) -> None:
        """Answer everything that is asked of it with this."""
        for plan in self.asked_plans:
            plan.answer.fail(error)
        for sync in self.asked_syncs:
            self.turn_down(sync, error)
        self.asked_plans, self.asked_syncs = [], []

    def turn_down(self, asked: AskedSync, error: Exception) -> None:
        """It is not begun: what it would have pinned the application to is aimed at no more, from this moment on."""
        if asked.pin is not None:
            self.refused = asked
        if asked.pin is not None and self.pin == asked.pin:
            self.pin = asked.before
            self.past = replace(self.past, pin=asked.before) if self.past is not None else None
        if self.beginning is asked:
            self.beginning, self.terminate = None, ""
        asked.answer.fail(error)
        self.answered.append(asked)

    def approved(self, since: datetime) -> bool:
        """Whether somebody confirmed deletions after this moment: through the API, or by Argo CD's annotation."""
        if self.confirmed_at is not None and self.confirmed_at > since:
            return True
        written = self.spec.annotations.get(DELETION_APPROVED, "")
        try:
            moment = datetime.fromisoformat(written) if written else None
        except ValueError:
            return False
        return moment is not None and moment.tzinfo is not None and moment > since

    def move(self, cluster: Cluster) -> None:
        """Look at another cluster from now on; what was synced into the old one says nothing of this one."""
        if self.cluster is not None and self.cluster.server != cluster.server:
            self.attempt = None
            self.operation = None
            self.status = replace(self.status, resources=())
        elif self.status.server not in ("", cluster.server):  # it moved while no daemon ran
            resources = tuple(replace(item, version="", out_of_sight=False) for item in self.status.resources)
            self.status = replace(self.status, resources=resources)
        self.cluster = cluster
        self.kinds = set()
        self.commits = ()
        self.rendered = None
        self.content = ""
        self.desired = None
        self.included = None
        self.comparison = NOTHING_COMPARED
        self.orphaned = NOT_ASKED
