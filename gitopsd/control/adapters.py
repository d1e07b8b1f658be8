"""What the passes over applications need of the world."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import anyio

from gitopsd.control.application import Application
from gitopsd.control.revision_infos import Describe, describe_nothing
from gitopsd.control.turns import Turns
from gitopsd.core.app import AppSpec
from gitopsd.core.breaker import GRANTED, Leave
from gitopsd.core.claims import NOTHING_CLAIMED, Claims
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.errors import StoreError
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.hold import FREE, Hold, SyncSettings
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.schedule import SELF_HEAL, Backoff
from gitopsd.ports.clock import Clock
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.journal import Journal
from gitopsd.ports.readiness import ReadinessJudge
from gitopsd.ports.renderer import Renderer
from gitopsd.ports.tracer import NO_TRACER, Tracer


@dataclass(frozen=True, slots=True)
class Adapters:
    """What a reconciliation needs of the world.

    `exists` says whether there is an application with such a mark on its objects, `known` the same of those too that
    are being deleted, and of all before they are configured. `threads` bounds the work on large
    applications that is done aside. `stopping` turns true when the daemon wants to end; `rendering` bounds the renders
    under way, `turns` (by cluster) the passes that work on one cluster; `timing` says for how long verdicts on health
    stand, `resources` how kinds are compared. `journal` keeps operations, history and pins. `hold` says why an
    application must not be synced by itself now, and for how many seconds at the most if that is known. `claims` says
    which of an application's objects on a cluster (by its URL) others want, `behind` whether some did not look yet at
    the commits that an application looked at. `describe` says who made revisions, for the history. `used_ignores` takes
    the rules of the system that found something to ignore.
    """

    renderer: Renderer
    clock: Clock
    stopping: Callable[[], bool]
    rendering: anyio.CapacityLimiter
    turns: Callable[[str], Turns]
    judge: HealthJudge
    journal: Journal
    self_heal: Callable[[], Backoff] = lambda: SELF_HEAL
    timing: Callable[[], Timing] = lambda: NO_TIMEOUTS
    resources: Callable[[], ResourceSettings] = ResourceSettings
    used_ignores: set[IgnoreRule] = field(default_factory=set)
    expressions: FieldExpressions | None = None
    projects: Callable[[], Projects] = lambda: ONLY_DEFAULT
    exists: Callable[[str], bool] = lambda _: True
    known: Callable[[str], bool] = lambda _: True
    hold: Callable[[AppSpec], Hold] = lambda _: FREE
    claims: Callable[[AppName, str, Collection[ObjectKey]], Claims] = lambda _name, _server, _keys: NOTHING_CLAIMED
    behind: Callable[[Application], bool] = lambda _: False
    leave: Callable[[AppName, str, int], Leave] = lambda _name, _cluster, _prunes: GRANTED
    readiness: ReadinessJudge | None = None
    plan_key: bytes = b""
    sync: SyncSettings = field(default_factory=SyncSettings)
    on_store_trouble: Callable[[StoreError], None] = lambda _: None
    describe: Describe = describe_nothing
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    tracer: Tracer = NO_TRACER
