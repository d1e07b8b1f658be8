"""The main file's shape as JSON Schema, for editors; `python -m gitopsd.config.schema` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from pydantic.json_schema import GenerateJsonSchema

from gitopsd.config.models.main import Main
from gitopsd.core.jsonvalue import JsonObject


def json_schema() -> JsonObject:
    """JSON Schema (draft 2020-12) of the main file; every key has a description."""
    schema = Main.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": "gitopsd.schema.json",
        **schema,
        "title": "gitopsd configuration",
    }


def printed(schema: JsonObject) -> str:
    """The schema as it is written to disk."""
    return json.dumps(schema, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


if __name__ == "__main__":
    sys.stdout.write(printed(json_schema()))
