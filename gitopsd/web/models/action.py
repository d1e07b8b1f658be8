"""Actions on live objects, and what running one did."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gitopsd.control.actions import Done, Offer, Offers
from gitopsd.core.actions.action import Action, Parameter
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.web.models.model import Model

_MOST_PARAMETERS = 100
Word = Annotated[str, StringConstraints(max_length=1024)]


class ParameterAnswer(Model):
    """Something that an action asks for."""

    name: str
    default: str = Field(description="what is offered, and counts if nothing is given")
    required: bool = Field(description="whether something has to be given: the default would change nothing")

    @classmethod
    def of(cls, parameter: Parameter) -> ParameterAnswer:
        """From the core's value."""
        return cls(name=parameter.name, default=parameter.default, required=parameter.required)


class ActionAnswer(Model):
    """One action of an object, in Argo CD's words."""

    name: str
    display_name: str
    icon_class: str
    disabled: bool
    reason: str = Field(description="why it cannot be run now")
    params: tuple[ParameterAnswer, ...]

    @classmethod
    def of(cls, action: Action) -> ActionAnswer:
        """From the core's value."""
        return cls(
            name=action.name,
            display_name=action.title or action.name,
            icon_class=action.icon,
            disabled=bool(action.disabled),
            reason=action.disabled,
            params=tuple(ParameterAnswer.of(each) for each in action.parameters),
        )


class ObjectActions(Model):
    """An object and what can be done to it."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    actions: tuple[ActionAnswer, ...]
    error: str = Field(description="why its actions cannot be told: a script that fails, say")

    @classmethod
    def of(cls, offer: Offer) -> ObjectActions:
        """From what was found."""
        key = offer.live.key
        return cls(
            group=key.group,
            version=offer.live.gvk.version,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            actions=tuple(ActionAnswer.of(each) for each in offer.actions),
            error=offer.error,
        )


class ResourceActions(Model):
    """The objects that were asked for and have actions."""

    application: str
    items: tuple[ObjectActions, ...]
    truncated: bool = Field(description="whether there are more objects than these")

    @classmethod
    def of(cls, name: AppName, offers: Offers) -> ResourceActions:
        """From what was found."""
        items = tuple(ObjectActions.of(each) for each in offers.items)
        return cls(application=name, items=items, truncated=offers.truncated)


class RunBody(Model):
    """Which action to run."""

    action: Word
    parameters: dict[Word, Word] = Field(default_factory=dict, max_length=_MOST_PARAMETERS)


class ObjectName(Model):
    """An object."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, key: ObjectKey) -> ObjectName:
        """From the core's value."""
        return cls(group=key.group, kind=key.kind, namespace=key.namespace, name=key.name)


class ActionDone(Model):
    """What running an action did; neither patched nor created: there was nothing to change."""

    application: str
    action: str
    object: ObjectName
    patched: tuple[ObjectName, ...]
    created: tuple[ObjectName, ...]
    undone: tuple[str, ...] = Field(description="fields that git sets otherwise: they will be set back")
    self_heal: bool = Field(description="whether that happens by itself, else with the next sync")

    @classmethod
    def of(cls, done: Done) -> ActionDone:
        """From the control room's value."""
        return cls(
            application=done.app,
            action=done.action,
            object=ObjectName.of(done.key),
            patched=tuple(ObjectName.of(key) for key in done.patched),
            created=tuple(ObjectName.of(key) for key in done.created),
            undone=done.undone,
            self_heal=done.self_heal,
        )
