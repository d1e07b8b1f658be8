"""Health, and what else users' rules decide: the rules of the configuration, and the process that evaluates them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import structlog
from anyio import AsyncContextManagerMixin
from anyio.abc import TaskStatus

from gitopsd.core.customization import HealthRule, ResourceSettings
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ConfigError
from gitopsd.core.health.status import Health
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject
from gitopsd.plugin.health import HealthCheck
from gitopsd.ports import health as port
from gitopsd.render.engine import locate
from gitopsd.render.pool import EnginePool
from gitopsd.rules.customizations import RuleBook, read_customizations
from gitopsd.rules.expressions import Ask, Expressions
from gitopsd.rules.judge import HealthJudge
from gitopsd.rules.tables import Bookcase, read_table_files

_log = structlog.get_logger("gitopsd.daemon")

_ROLE: Final = "rules"
_MEMORY_BYTES: Final = 256 << 20
_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)


@dataclass(frozen=True, slots=True)
class Rules:
    """What users say of health. `shelves`: those of the configuration come before those of folders."""

    shelves: tuple[tuple[HealthRule, ...], ...] = ()
    tables: Bookcase = field(default_factory=Bookcase)

    @property
    def all(self) -> tuple[HealthRule, ...]:
        """Every rule that is an expression."""
        return tuple(rule for shelf in self.shelves for rule in shelf)


def read_rules(settings: ResourceSettings) -> Rules:
    """The rules that `resources` names. Blocks: it reads files. Raises `ConfigError` that names what cannot be used."""
    folders = tuple(rule for folder in settings.health_folders for rule in read_customizations(folder))
    return Rules((settings.health, folders), read_table_files(settings.health_tables))


async def judge_alone(
    objects: Sequence[JsonObject], folders: Sequence[str], environ: Mapping[str, str]
) -> Sequence[Health | None]:
    """The health of `objects` by the rules in `folders` (of scripts as Argo CD has them, or of tables), and all that is
    bundled. Raises `ConfigError` for rules that cannot be used.
    """
    scripts = tuple(folder for folder in folders if not _holds_tables(Path(folder)))
    tables = tuple(folder for folder in folders if folder not in scripts)
    settings = ResourceSettings(health_folders=scripts, health_tables=tables)
    for folder in scripts:
        if not await anyio.to_thread.run_sync(read_customizations, folder):
            raise ConfigError(
                "no health rule is there", where=folder, hint="name a folder of <group>/<Kind>/health.lua"
            )
    lives = [_live(body, str(number)) for number, body in enumerate(objects)]
    async with Judging(locate("", environ), ResourceSettings(), ()) as room:
        await room.reconfigure(settings)
        found = [await room.assess([live]) for live in lives]
    return [verdicts[live.key] for live, verdicts in zip(lives, found, strict=True)]


def _holds_tables(path: Path) -> bool:
    return path.is_file() or any(path.glob("*.yaml"))


def _live(body: JsonObject, uid: str) -> LiveObject:
    gvk = GVK.parse(text(body, "apiVersion"), text(body, "kind"))
    key = ObjectKey(gvk.group, gvk.kind, text(body, "metadata", "namespace"), text(body, "metadata", "name"))
    deleting = bool(text(body, "metadata", "deletionTimestamp"))
    return LiveObject(key, gvk, uid, "", Document(canonical(body)), deleting=deleting)


async def check_rules(settings: ResourceSettings, environ: Mapping[str, str]) -> None:
    """Raises `ConfigError` for the first rule for health that could not be used."""
    if settings.health or settings.health_folders or settings.health_tables:
        async with Judging(locate("", environ), ResourceSettings(), ()) as room:
            await room.reconfigure(settings)


class Judging(AsyncContextManagerMixin):
    """`ports.HealthJudge` by the rules that count now, and `expressions` (None without the engine).

    The evaluating process starts at the first expression; without users' rules there is none.
    """

    def __init__(self, engine: str | None, settings: ResourceSettings, checks: Sequence[HealthCheck]) -> None:
        self._engine = engine
        self._settings = settings
        self._checks = checks
        self._pool: EnginePool | None = None
        self._starting = anyio.Lock()
        self.expressions = Expressions(self._ask) if engine is not None else None
        self._judge = HealthJudge(checks=checks)

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Judging]:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            await self._begin()
            yield self
            tasks.cancel_scope.cancel()

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """As the port says."""
        return await self._judge.assess(objects)

    async def reconfigure(self, settings: ResourceSettings) -> bool:
        """Judge by these rules from now on; whether any verdict may be another one. Raises `ConfigError`."""
        rules = await anyio.to_thread.run_sync(read_rules, settings, limiter=_ONE_AT_A_TIME)
        await self._check(rules)
        changed = rules != self._rules
        self._take(rules)
        return changed

    @property
    def ask(self) -> Ask | None:
        """The evaluating process, for other rules of users (actions); None without the engine."""
        return self._ask if self._engine is not None else None

    async def silence(self, patience: float) -> float:
        """As `EnginePool.silence`, of the evaluating process; 0.0 where there is none."""
        return await self._pool.silence(patience) if self._pool is not None else 0.0

    async def _ask(self, method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        async with self._starting:
            pool = self._pool = self._pool or await self._tasks.start(self._host)
        return await pool.ask(method, params, deadline=deadline)

    async def _host(self, *, task_status: TaskStatus[EnginePool] = anyio.TASK_STATUS_IGNORED) -> None:
        command = [self._engine or "", _ROLE]
        async with EnginePool(command, workers=1, memory_limit=_MEMORY_BYTES) as pool:
            task_status.started(pool)
            await anyio.sleep_forever()

    async def _begin(self) -> None:
        """A rule that is wrong keeps nobody from starting: what it would have judged is Unknown, or judged without."""
        self._rules = Rules()
        try:
            rules = await anyio.to_thread.run_sync(read_rules, self._settings, limiter=_ONE_AT_A_TIME)
        except ConfigError as error:
            _log.error("health rules left out until they are corrected", error=str(error))
            rules = Rules((self._settings.health,))
        self._take(rules)
        try:
            await self._check(rules)
        except ConfigError as error:
            _log.error("a health rule cannot be used", error=str(error))

    def _take(self, rules: Rules) -> None:
        self._rules = rules
        self._judge = HealthJudge(
            rules=RuleBook(*rules.shelves),
            expressions=self.expressions,
            checks=self._checks,
            tables=rules.tables.table,
        )

    async def _check(self, rules: Rules) -> None:
        """Raises `ConfigError` for the first rule that could never be evaluated."""
        if self.expressions is None or not rules.all:
            return
        faults, _ = await self.expressions.check(rules.all)
        for rule, fault in zip(rules.all, faults, strict=True):
            if fault is not None:
                line = f", line {fault.position.line}" if fault.position.line else ""
                raise ConfigError(
                    f"the {rule.language} rule for {rule.kinds.group or 'core'}/{rule.kinds.kind} cannot be used",
                    where=f"{rule.where}{line}",
                    why=fault.message,
                    hint="docs/health.md shows how rules are written",
                )


if TYPE_CHECKING:
    _guard: type[port.HealthJudge] = Judging
