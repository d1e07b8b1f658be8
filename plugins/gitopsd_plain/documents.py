"""The Kubernetes objects in one file, as kubectl and Argo CD's directories take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gitopsd.plugin import (
    JsonObject,
    JsonValue,
    Manifest,
    Position,
    RenderError,
    YamlText,
    decode_text,
    parse_json,
    parse_yaml,
    sequence,
    split_documents,
    text,
)

# A field that every Kubernetes object has; a document without any of them is not meant as one.
_MANIFEST: Final = re.compile(r"(^|[\s{,])[\"']?(apiVersion|kind|metadata)[\"']?\s*:", re.MULTILINE)
_FIELDS: Final = ("apiVersion", "kind", "metadata")


def read_manifests(data: bytes, file: str, warnings: list[str]) -> list[Manifest]:
    """All objects of a YAML or JSON file: several documents, empty ones skipped, lists flattened.

    A document with none of apiVersion, kind and metadata is skipped with a warning. Raises `RenderError` with file:line
    for anything else that is no object.
    """
    return [
        each for document in split_documents(decode_text(data, file)) for each in _document(document, file, warnings)
    ]


def looks_like_manifest(text: str) -> bool:
    """Whether it holds a field that every Kubernetes object has."""
    return _MANIFEST.search(text) is not None


def _document(document: YamlText, file: str, warnings: list[str]) -> Iterator[Manifest]:
    place = Position(file, document.line)
    try:
        found = _parsed(document, file)
    except RenderError as error:
        if looks_like_manifest(document.text):
            raise
        warnings.append(f"{place}: skipped, not a Kubernetes manifest: {error.what}")
        return
    if _is_encrypted(found):
        what = "what SOPS encrypted needs the render engine"
        raise RenderError(what, where=str(place), hint="install gitopsd with its engine")
    if found is not None:
        yield from _flat(found, place, warnings, meant=looks_like_manifest(document.text))


def _is_encrypted(found: JsonValue) -> bool:
    metadata = found.get("sops") if isinstance(found, Mapping) else None
    return isinstance(metadata, Mapping) and {"mac", "lastmodified", "version"} <= metadata.keys()


def _parsed(document: YamlText, file: str) -> JsonValue:
    if document.text.lstrip()[:1] in ("{", "[") and document.before == 0:
        try:
            return parse_json(document.text, file=file)
        except RenderError as error:
            if not error.what.startswith("not valid JSON"):
                raise
            # It may be YAML in its flow style.
    return parse_yaml(document.text, file=file, before=document.before)


def _flat(found: JsonValue, place: Position, warnings: list[str], *, meant: bool) -> Iterator[Manifest]:
    if not isinstance(found, Mapping):
        if meant:
            raise RenderError("a manifest must be a mapping with apiVersion, kind and metadata", where=str(place))
        warnings.append(f"{place}: skipped, not a Kubernetes manifest: not a mapping")
        return
    version, kind = text(found, "apiVersion"), text(found, "kind")
    if not version or not kind:
        if not any(field in found for field in _FIELDS):
            warnings.append(f"{place}: skipped, not a Kubernetes manifest: it has no apiVersion, kind and metadata")
            return
        missing = "kind" if version else "apiVersion"
        hint = "every Kubernetes object needs apiVersion and kind"
        raise RenderError(f"manifest without {missing}", where=str(place), hint=hint)
    if not kind.endswith("List") or not isinstance(found.get("items"), list):
        yield Manifest(found, place)
        return
    for item in sequence(found, "items"):
        yield from _flat(_typed(item, version, kind.removesuffix("List"), place), place, warnings, meant=False)


def _typed(item: JsonValue, version: str, kind: str, place: Position) -> JsonObject:
    """An item of a typed list (`ConfigMapList`) may leave out what the list's type says."""
    if not isinstance(item, Mapping):
        raise RenderError("an item of a list is not a mapping", where=str(place))
    if not kind or "kind" in item or "apiVersion" in item:
        return item
    return {"apiVersion": version, "kind": kind, **item}
