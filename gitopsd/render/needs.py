"""Needs and what was given for them, to and from the engine's JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, objects, text
from gitopsd.plugin.supply import Given, Need, NeedKind

_FIELDS = ("url", "name", "version", "root", "path", "format", "api_version", "object_kind", "namespace")


def read_needs(body: JsonObject) -> tuple[Need, ...]:
    """The needs in an answer; none in one that has a result or an error."""
    return tuple(_need(item) for item in objects(body, "needs"))


def need_frame(need: Need) -> JsonObject:
    """The need as the engine wrote it; also its name in the cache."""
    written: dict[str, JsonValue] = {"kind": str(need.kind)}
    written.update({name: getattr(need, name) for name in _FIELDS if getattr(need, name)})
    return {**written, "optional": True} if need.optional else written


def supply_frame(roots: Mapping[str, str], given: Mapping[Need, Given]) -> JsonObject:
    """What a request carries besides its parameters."""
    frame: dict[str, JsonValue] = {}
    if roots:
        frame["roots"] = dict(roots)
    if given:
        frame["given"] = [_given_frame(need, each) for need, each in given.items()]
    return frame


def parse_need(item: JsonObject) -> Need:
    """The need that `need_frame` wrote. Raises `ValueError` for a kind that does not exist."""
    fields = {name: text(item, name) for name in _FIELDS}
    return Need(NeedKind(text(item, "kind")), **fields, optional=boolean(item, "optional"))


def _need(item: JsonObject) -> Need:
    try:
        return parse_need(item)
    except ValueError:
        raise RenderError(f"the render engine needs something unknown: {text(item, 'kind')!r}") from None


def _given_frame(need: Need, given: Given) -> JsonObject:
    frame: dict[str, JsonValue] = {"need": need_frame(need)}
    if given.error:
        frame |= {"error": given.error, "hint": given.hint}
    elif given.content is not None:
        frame["content_base64"] = base64.b64encode(given.content).decode()
    else:
        frame["root"] = given.root
    return frame
