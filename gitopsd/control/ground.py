"""Where the operations of one pass happen, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.sync import Prepare
from gitopsd.control.view import View
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.ports.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the operations of one pass happen. `look` shows the application anew, `prepare` makes what is applied of an
    object, given the live objects. `glance` compares something else with the cluster, and `rendered` is what git
    wanted at other commits: nothing of the application changes by it.
    """

    app: Application
    cluster: Cluster
    adapters: Adapters
    look: Callable[[View], Awaitable[View]]
    prepare: Callable[[View], Prepare]
    glance: Callable[[Desired, tuple[str, ...]], Awaitable[View]]
    rendered: Callable[[tuple[str, ...]], Awaitable[Desired]]


@dataclass(frozen=True, slots=True)
class Operated:
    """What a pass did about operations: `operation` is the one that it began, advanced or ended, `given_up` the one
    that it ended before. `again` is when to look at it again though nothing changed.
    """

    view: View
    operation: Operation | None = None
    given_up: Operation | None = None
    again: datetime | None = None
