"""An action as it is offered, and what running it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitopsd.core.errors import OperationError
from gitopsd.core.jsonvalue import JsonObject

Given = Mapping[str, str]
"""Parameters by name, as somebody wrote them."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that an action asks for; all values are texts, and `default` is offered. What is `required` has to be
    given all the same: its default is how things are, and would change nothing.
    """

    name: str
    default: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to one object. `disabled` says why not now ("": it can). `title` is for people ("":
    the name does), `icon` a class of Font Awesome, as Argo CD's `iconClass`.
    """

    name: str
    disabled: str = ""
    title: str = ""
    icon: str = ""
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """A change of the object itself, as a JSON merge patch (RFC 7386)."""

    body: JsonObject


@dataclass(frozen=True, slots=True)
class Creation:
    """A new object."""

    body: JsonObject


Change = Merge | Creation


@dataclass(frozen=True, slots=True)
class Builtin:
    """An action that gitopsd brings: pure functions of the live object, what was given, and the time of day.

    `effect` raises `OperationError` (`Invalid`) for parameters that cannot be used. `blocked` says why it cannot be
    done now; `asks` which parameters there are.
    """

    name: str
    effect: Callable[[JsonObject, Given, datetime], Change]
    blocked: Callable[[JsonObject], str] = lambda _live: ""
    asks: Callable[[JsonObject], tuple[Parameter, ...]] = lambda _live: ()
    title: str = ""

    def offered(self, live: JsonObject) -> Action:
        """The action as it is for this object now."""
        return Action(self.name, self.blocked(live), self.title, parameters=self.asks(live))


def checked(action: Action, given: Given) -> Given:
    """`given` with the defaults of what is missing.

    Raises `OperationError`: `Blocked` for an action that is disabled now, `Invalid` for a parameter that it has not,
    or that is missing.
    """
    if action.disabled:
        raise OperationError(f"the action {action.name} cannot be run now", reason="Blocked", why=action.disabled)
    known = {parameter.name: parameter.default for parameter in action.parameters}
    if given.keys() - known.keys():
        raise OperationError(
            f"the action {action.name} was given a parameter that it has not",
            reason="Invalid",
            hint=f"it has: {', '.join(known)}" if known else "it has none",
        )
    for parameter in action.parameters:
        if parameter.required and not given.get(parameter.name, "").strip():
            raise OperationError(
                f"the action {action.name} needs the parameter {parameter.name}",
                reason="Invalid",
                hint=f"give {parameter.name}=VALUE" + (f" (now: {parameter.default})" if parameter.default else ""),
            )
    return {**known, **given}
