"""The actions of live objects by everything that brings some, in the order of docs/actions.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gitopsd.core.actions import builtin
from gitopsd.core.actions.action import Action, Change, Creation, Given, Merge
from gitopsd.core.customization import ActionRule
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GroupKind
from gitopsd.core.live import LiveObject
from gitopsd.plugin.actions import ActionProvider
from gitopsd.ports.actions import ResourceActions
from gitopsd.rules.actions_lua import ActionScripts

_GLOB: Final = frozenset("*?[")


class ActionBook:
    """`ports.ResourceActions`: users' scripts, plugins' providers, what is built in; the first of a name counts.

    `rules` are those of the configuration before those of files; of them the one for exactly a kind counts, else the
    first whose globs fit it. Without `scripts` (no engine) a kind that has a rule has no actions but an error.
    """

    def __init__(
        self,
        rules: Sequence[ActionRule] = (),
        scripts: ActionScripts | None = None,
        providers: Sequence[ActionProvider] = (),
    ) -> None:
        self._exact: dict[GroupKind, ActionRule] = {}
        self._globs: list[ActionRule] = []
        for rule in rules:
            if _GLOB & set(rule.kinds.group + rule.kinds.kind):
                self._globs.append(rule)
            else:
                self._exact.setdefault(GroupKind(rule.kinds.group, rule.kinds.kind), rule)
        self._scripts = scripts
        self._providers: dict[GroupKind, list[ActionProvider]] = {}
        for provider in providers:
            for group, kind in provider.kinds:
                self._providers.setdefault(GroupKind(group, kind), []).append(provider)

    def knows(self, kind: GroupKind) -> bool:
        """As the port says."""
        return kind in builtin.BUILTIN or kind in self._providers or self._rule(kind) is not None

    async def offered(self, live: LiveObject) -> Sequence[Action]:
        """As the port says."""
        rule = self._rule(live.key.group_kind)
        found: dict[str, Action] = {}
        if rule is not None and rule.discovery:
            found = {action.name: action for action in await self._engine(rule).discover(rule, live)}
            if not rule.merge_builtin:
                return tuple(found.values())
        for provider in self._providers.get(live.key.group_kind, ()):
            for action in _asked(provider, live):
                found.setdefault(action.name, action)
        for action in builtin.offered(live.key.group_kind, live.document.body()):
            found.setdefault(action.name, action)
        return tuple(found.values())

    async def changes(self, live: LiveObject, action: Action, given: Given, now: datetime) -> Sequence[Change]:
        """As the port says."""
        kind = live.key.group_kind
        rule = self._rule(kind)
        source = next((text for name, text in rule.definitions if name == action.name), "") if rule is not None else ""
        if rule is not None and source:
            return await self._engine(rule).act(rule, source, live, given)
        for provider in self._providers.get(kind, ()):
            if any(each.name == action.name for each in _asked(provider, live)):
                return _done(provider, live, action.name, given, now)
        return builtin.changes(kind, live.document.body(), action.name, given, now)

    def _rule(self, kind: GroupKind) -> ActionRule | None:
        return self._exact.get(kind) or next((rule for rule in self._globs if rule.kinds.fits(kind)), None)

    def _engine(self, rule: ActionRule) -> ActionScripts:
        if self._scripts is None:
            raise OperationError(
                "the actions' scripts cannot be run",
                reason="Failed",
                where=rule.where,
                why="the engine that runs them is not there",
                hint="install gitopsd with its engine",
            )
        return self._scripts


def _asked(provider: ActionProvider, live: LiveObject) -> Sequence[Action]:
    try:
        found: object = provider.offered(live.document.body())
    except Exception as error:
        raise _broken(provider, error) from error
    if isinstance(found, Sequence) and all(isinstance(each, Action) for each in found):
        return found
    raise _strange(provider, found)


def _done(provider: ActionProvider, live: LiveObject, action: str, given: Given, now: datetime) -> Sequence[Change]:
    try:
        found: object = provider.changes(live.document.body(), action, given, now)
    except OperationError:
        raise
    except Exception as error:
        raise _broken(provider, error) from error
    if isinstance(found, Sequence) and all(isinstance(each, Merge | Creation) for each in found):
        return found
    raise _strange(provider, found)


def _broken(provider: ActionProvider, error: Exception) -> OperationError:
    return OperationError(f"the plugin's actions {provider.name} failed", reason="Failed", why=type(error).__name__)


def _strange(provider: ActionProvider, found: object) -> OperationError:
    return OperationError(
        f"the plugin's actions {provider.name} failed",
        reason="Failed",
        why=f"they answered with a {type(found).__name__}",
    )


if TYPE_CHECKING:
    _guard: ResourceActions = ActionBook()
