"""Objects made of the OpenAPI schemas that an API server publishes, valid as far as schemas and HINTS can say.

A schema says the types, what is required, enumerations and by what list items are known. What validation wants besides
(a label is no sentence, of a probe's handlers there is one) is in `hints` and `mending`; the rest is for the API server
to refuse.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from tests.kube.hints import ANNOTATIONS, ANYTHING, HINTS, LABELS, LEAVE_OUT, QUANTITY, SELECTOR, SMALL, TIME, WORD
from tests.kube.mending import MENDING, REQUIRED, UNIONS

Draw = Callable[[st.SearchStrategy[Any]], Any]
Schema = Mapping[str, Any]
Body = dict[str, Any]

NAME: Final = "generated"
"""The name of every object: whoever makes it gives it one of its own."""

_NEVER_EMPTY: Final = frozenset(
    {
        "containers",
        "paths",
        "nodeSelectorTerms",
        "matchExpressions",
        "values",
        "endpoints",
        "limits",
        "sources",
        "rules",
    }
)


_OF_TYPE: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "boolean": st.booleans(),
    "integer": SMALL,
    "number": st.sampled_from([0, 1, 1.0, 0.5, 1e3, 2.50]),
    "object": st.dictionaries(WORD, ANYTHING, max_size=2),
    "string": WORD,
}


class Schemas:
    """The schemas of one group and version, as `/openapi/v3/apis/GROUP/VERSION` gives them."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._known: Mapping[str, Schema] = document["components"]["schemas"]

    def objects(self, api_version: str, kind: str) -> st.SearchStrategy[Body]:
        """Objects of a kind, each called NAME and in no namespace yet."""
        group, _, version = api_version.rpartition("/")
        wanted = {"group": group, "version": version, "kind": kind}
        name = next(
            name
            for name, schema in self._known.items()
            if wanted in schema.get("x-kubernetes-group-version-kind", ()) and "properties" in schema
        )

        @st.composite
        def made(draw: Draw) -> Body:
            body = self._object(draw, self._known[name], kind, 0)
            labels, annotations = draw(LABELS), draw(ANNOTATIONS)
            metadata: Body = {"name": NAME}
            if labels or draw(st.booleans()):
                metadata["labels"] = labels
            if annotations:
                metadata["annotations"] = annotations
            # As it comes out of a renderer: no strategy's value is in two places.
            return dict(json.loads(json.dumps({**body, "apiVersion": api_version, "kind": kind, "metadata": metadata})))

        return made()

    def _value(self, draw: Draw, schema: Schema, kind: str, field: str, depth: int) -> Any:
        for name in (f"{kind}.{field}", f"*.{field}"):
            if name in HINTS and not (name.startswith("*") and _is_structure(schema)):
                return draw(HINTS[name])
        reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ()) if "$ref" in part), "")
        if reference:
            return self._referred(draw, reference.rpartition("/")[2], depth)
        return self._plain(draw, schema, kind, field, depth)

    def _referred(self, draw: Draw, name: str, depth: int) -> Any:
        kind = name.rpartition(".")[2]
        if kind == "Quantity":
            return draw(QUANTITY)
        if kind == "IntOrString":
            return draw(st.sampled_from([80, "http", 8080]))
        if kind in ("Time", "MicroTime"):
            return draw(TIME)
        if kind == "LabelSelector":
            return draw(SELECTOR)
        if kind == "ObjectMeta":
            return draw(st.fixed_dictionaries({}, optional={"labels": LABELS, "annotations": ANNOTATIONS}))
        return self._object(draw, self._known[name], kind, depth + 1)

    def _plain(self, draw: Draw, schema: Schema, kind: str, field: str, depth: int) -> Any:
        if schema.get("type") == "array":
            return self._list(draw, schema, kind, field, depth)
        if "properties" in schema:
            return self._object(draw, schema, f"{kind}.{field}", depth + 1)
        if isinstance(schema.get("additionalProperties"), dict):
            keys = draw(st.lists(st.sampled_from(["a", "b", "Key.x"]), max_size=2, unique=True))
            return {key: self._value(draw, schema["additionalProperties"], kind, "", depth + 1) for key in keys}
        return draw(_scalar(schema))

    def _list(self, draw: Draw, schema: Schema, kind: str, field: str, depth: int) -> list[Any]:
        most = 3 if depth < 5 else 2
        length = draw(st.integers(1 if field in _NEVER_EMPTY else 0, most))
        items = [self._value(draw, schema["items"], kind, f"{field}[]", depth) for _ in range(length)]
        keys = schema.get("x-kubernetes-list-map-keys") or [schema.get("x-kubernetes-patch-merge-key", "")]
        if schema.get("x-kubernetes-list-type") == "set":
            keys = []
        unique: dict[str, Any] = {}
        for item in items:
            known = item
            if isinstance(item, dict) and keys != [""]:
                known = {key: item.get(key, schema["items"].get("properties", {}).get(key, {}).get("default", "TCP"))
                         for key in keys}  # fmt: skip
            unique.setdefault(json.dumps(known, sort_keys=True), item)
        return list(unique.values()) if keys != [""] else items

    def _object(self, draw: Draw, schema: Schema, kind: str, depth: int) -> Body:
        properties = schema.get("properties", {})
        union = UNIONS.get(kind, ())
        left_out = {"status", *union}
        if "x-kubernetes-group-version-kind" in schema:
            left_out |= {"apiVersion", "kind", *(["metadata"] if depth == 0 else [])}
        needed = [name for name in dict.fromkeys([*schema.get("required", ()), *REQUIRED.get(kind, ())])
                  if name in properties and name not in left_out]  # fmt: skip
        free = [name for name in properties if name not in left_out and name not in needed and _allowed(kind, name)]
        chosen = draw(st.lists(st.sampled_from(free), max_size=_most(depth, kind), unique=True)) if free else []
        body = {name: self._value(draw, properties[name], kind, name, depth) for name in (*needed, *chosen)}
        if union and (picked := draw(st.sampled_from(union))):
            body[picked] = self._value(draw, properties[picked], kind, picked, depth)
        if schema.get("x-kubernetes-preserve-unknown-fields") and draw(st.booleans()):
            body["unknown"] = draw(ANYTHING)
        mend = MENDING.get(kind)
        return mend(copy.deepcopy(body)) if mend else body


def _scalar(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from([item for item in schema["enum"] if item != ""])
    if schema.get("x-kubernetes-int-or-string"):
        return QUANTITY
    if schema.get("format") == "date-time":
        return TIME
    return _OF_TYPE.get(schema.get("type", ""), ANYTHING)


def _is_structure(schema: Schema) -> bool:
    """Whether a field is of a kind that a hint for every type (a word, a port) cannot mean."""
    return schema.get("type") in ("array", "object")


def _allowed(kind: str, field: str) -> bool:
    hint = HINTS.get(f"{kind}.{field}", HINTS.get(f"*.{field}"))
    return hint is None or hint is not LEAVE_OUT


def _most(depth: int, kind: str) -> int:
    if kind in ("PodSpec", "Container", "DeploymentSpec", "StatefulSetSpec", "Thing.spec"):
        return 6
    return 4 if depth < 3 else 2
