"""Users' discovery.lua and action.lua, run by the process that evaluates users' expressions (engine/PROTOCOL.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson

from gitopsd.core.actions.action import Action, Change, Creation, Given, Merge, Parameter
from gitopsd.core.actions.patch import merge_patch
from gitopsd.core.customization import ActionRule, HealthRule
from gitopsd.core.errors import GitopsdError, OperationError
from gitopsd.core.ids import GVK
from gitopsd.core.jsonvalue import JsonObject, boolean, mapping, objects, text
from gitopsd.core.live import LiveObject
from gitopsd.rules.batches import Guilt
from gitopsd.rules.expressions import Ask

_DEADLINE: Final = 5.0
_DISABLED: Final = "its discovery.lua says that it cannot be run now"


class ActionScripts:
    """Runs scripts as Argo CD does. All raise `OperationError` (`Failed`) where a script, or the process, fails; one
    that ended the process thrice is not run again.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._guilt = Guilt()

    async def discover(self, rule: ActionRule, live: LiveObject) -> Sequence[Action]:
        """What discovery.lua offers, by name."""
        found = await self._run("actions", rule, rule.discovery, _body(live), {})
        return [
            Action(
                text(each, "name"),
                _DISABLED if boolean(each, "disabled") else "",
                text(each, "title"),
                text(each, "icon"),
                tuple(Parameter(text(one, "name"), text(one, "default")) for one in objects(each, "parameters")),
            )
            for each in objects(found, "actions")
        ]

    async def act(self, rule: ActionRule, source: str, live: LiveObject, given: Given) -> Sequence[Change]:
        """What action.lua makes of the object: what it changed, as a merge patch, and what it wants made."""
        body = _body(live)
        found = await self._run("act", rule, source, body, given)
        changes: list[Change] = []
        for each in objects(found, "impacted"):
            resource = mapping(each, "resource")
            if text(each, "operation") == "create":
                changes.append(Creation(resource))
            elif not _is(resource, live):
                raise OperationError(
                    "the action patches another object", reason="Failed", where=rule.where, hint="return obj itself"
                )
            elif patch := merge_patch(body, resource):
                changes.append(Merge(patch))
        return changes

    async def _run(self, method: str, rule: ActionRule, source: str, body: JsonObject, given: Given) -> JsonObject:
        params: Mapping[str, object] = {
            "source": source,
            "open_libs": True,
            "object": orjson.Fragment(orjson.dumps(body)),
            "parameters": dict(given),
        }
        if verdict := self._guilt.verdict(source):
            raise _failed(rule, verdict)
        try:
            # The object is JSON text already; orjson copies it.
            answer = await self._ask(method, cast(JsonObject, params), deadline=_DEADLINE)
        except GitopsdError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            if not error.retryable:
                self._guilt.add(source, why)
            raise _failed(rule, why) from None
        found = mapping(answer, "found")
        if why := text(found, "error"):
            raise _failed(rule, why)
        return found


def scripts_of(rule: ActionRule) -> Sequence[HealthRule]:
    """Each script of a rule as an expression to be checked, with the place where it stands."""
    sources = [("discovery.lua", rule.discovery)] if rule.discovery else []
    return [
        HealthRule(rule.kinds, "lua", source, True, f"{rule.where}: {name}")
        for name, source in (*sources, *rule.definitions)
    ]


def _failed(rule: ActionRule, why: str) -> OperationError:
    return OperationError("the action's script failed", reason="Failed", where=rule.where, why=why)


def _body(live: LiveObject) -> JsonObject:
    """What a script sees: the object without the API server's book-keeping of its fields."""
    body = live.document.body()
    metadata = {key: item for key, item in mapping(body, "metadata").items() if key != "managedFields"}
    return {**body, "metadata": metadata}


def _is(resource: JsonObject, live: LiveObject) -> bool:
    gvk = GVK.parse(text(resource, "apiVersion"), text(resource, "kind"))
    place = (text(resource, "metadata", "namespace"), text(resource, "metadata", "name"))
    return gvk.group_kind == live.key.group_kind and place == (live.key.namespace, live.key.name)
