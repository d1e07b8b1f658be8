"""Resource actions by the rules of the configuration that count now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import structlog

from gitopsd.core.actions.action import Action, Change, Given
from gitopsd.core.customization import ActionRule, ResourceSettings
from gitopsd.core.errors import ConfigError
from gitopsd.core.ids import GroupKind
from gitopsd.core.live import LiveObject
from gitopsd.daemon.judging import Judging
from gitopsd.plugin.actions import ActionProvider
from gitopsd.ports.actions import ResourceActions
from gitopsd.render.engine import locate
from gitopsd.rules.actions import ActionBook
from gitopsd.rules.actions_files import read_actions
from gitopsd.rules.actions_lua import ActionScripts, scripts_of

_log = structlog.get_logger("gitopsd.daemon")
_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)


async def check_actions(settings: ResourceSettings, environ: Mapping[str, str]) -> None:
    """Raises `ConfigError` for the first action of the user's that could not be used."""
    wrong: ConfigError | None = None
    async with Judging(locate("", environ), ResourceSettings(), ()) as judging:
        try:
            await Acting(judging, ()).reconfigure(settings)
        except ConfigError as error:  # raised after the room is left: what a task group raises is a group
            wrong = error
    if wrong is not None:
        raise wrong


class Acting:
    """`ports.ResourceActions`: users' scripts (in `judging`'s process), plugins' `providers`, what is built in."""

    def __init__(self, judging: Judging, providers: Sequence[ActionProvider]) -> None:
        self._judging = judging
        self._providers = providers
        self._scripts = ActionScripts(judging.ask) if judging.ask is not None else None
        self._book = ActionBook((), self._scripts, providers)

    async def begin(self, settings: ResourceSettings) -> None:
        """Act by these rules. One that is wrong keeps nobody from starting: all of them are left out until then."""
        try:
            await self.reconfigure(settings)
        except ConfigError as error:
            _log.error("users' resource actions are left out until they are corrected", error=str(error))

    async def reconfigure(self, settings: ResourceSettings) -> None:
        """Act by these rules from now on. Raises `ConfigError`; the ones before then go on."""
        files = await anyio.to_thread.run_sync(read_actions, settings.action_files, limiter=_ONE_AT_A_TIME)
        rules = (*settings.actions, *files)
        await self._check(rules)
        self._book = ActionBook(rules, self._scripts, self._providers)

    def knows(self, kind: GroupKind) -> bool:
        """As the port says."""
        return self._book.knows(kind)

    async def offered(self, live: LiveObject) -> Sequence[Action]:
        """As the port says."""
        return await self._book.offered(live)

    async def changes(self, live: LiveObject, action: Action, given: Given, now: datetime) -> Sequence[Change]:
        """As the port says."""
        return await self._book.changes(live, action, given, now)

    async def _check(self, rules: Sequence[ActionRule]) -> None:
        scripts = [script for rule in rules for script in scripts_of(rule)]
        if self._judging.expressions is None or not scripts:
            return
        faults, _ = await self._judging.expressions.check(scripts)
        for script, fault in zip(scripts, faults, strict=True):
            if fault is not None:
                line = f", line {fault.position.line}" if fault.position.line else ""
                raise ConfigError(
                    f"an action of {script.kinds.group or 'core'}/{script.kinds.kind} cannot be used",
                    where=f"{script.where}{line}",
                    why=fault.message,
                    hint="docs/actions.md shows how actions are written",
                )


if TYPE_CHECKING:
    _guard: type[ResourceActions] = Acting
