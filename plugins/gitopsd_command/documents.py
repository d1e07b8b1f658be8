"""What a command printed, as Kubernetes objects."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from gitopsd.plugin import (
    Engine,
    JsonObject,
    JsonValue,
    Manifest,
    Position,
    RenderError,
    decode_text,
    parse_yaml,
    sequence,
    split_documents,
    text,
)

_HINT = "generate must print Kubernetes objects only, as YAML or JSON; messages belong on standard error"


def encoded(output: bytes, place: str) -> str:
    """The output in base64, as the engine takes it. Raises `RenderError` for what is no text. Blocks for large ones."""
    if b"\0" in output and output[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise RenderError("the command printed binary data", where=place, hint=_HINT)
    decode_text(output, place)
    return base64.b64encode(output).decode()


async def decode(engine: Engine, encoded_output: str, place: str, deadline: float) -> tuple[Manifest, ...]:
    """The objects, by the engine. Raises `RenderError` for anything that is none."""
    params: JsonObject = {"documents_base64": encoded_output, "file": place}
    answer = await engine.call("decode", params, deadline=deadline)
    # What a folder may hold besides manifests, a command has no reason to print.
    for warning in answer.warnings:
        raise RenderError("the command printed something that is no Kubernetes object", why=warning, hint=_HINT)
    return answer.manifests


def parse(output: bytes, place: str) -> tuple[Manifest, ...]:
    """The objects, where there is no engine. Raises `RenderError` for anything that is none. Blocks."""
    return tuple(_parsed(output, place))


def _parsed(output: bytes, place: str) -> Iterator[Manifest]:
    for document in split_documents(decode_text(output, place)):
        found = parse_yaml(document.text, file=place, before=document.before)
        if found is not None:
            yield from _flat(found, Position(place, document.line))


def _flat(found: JsonValue, place: Position) -> Iterator[Manifest]:
    version, kind = text(found, "apiVersion"), text(found, "kind")
    if not isinstance(found, Mapping) or not version or not kind:
        raise RenderError("the command printed something that is no Kubernetes object", where=str(place), hint=_HINT)
    if not kind.endswith("List") or not isinstance(found.get("items"), list):
        yield Manifest(found, place)
        return
    for item in sequence(found, "items"):
        typed = item
        if isinstance(item, Mapping) and "kind" not in item and "apiVersion" not in item and kind != "List":
            typed = {"apiVersion": version, "kind": kind.removesuffix("List"), **item}
        yield from _flat(typed, place)
