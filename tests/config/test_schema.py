"""The JSON Schema and the example say what the models say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from gitopsd.config.schema import json_schema, printed
from gitopsd.core.jsonvalue import JsonObject, mapping, text

ROOT = Path(__file__).parents[2]


def shapes(schema: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Every mapping that the schema describes, by its model's name."""
    yield "Main", schema
    for name, shape in mapping(schema, "$defs").items():
        yield name, mapping(shape)


def test_the_committed_schema_is_the_models_schema() -> None:
    committed = (ROOT / "config" / "schema.json").read_text()
    assert committed == printed(json_schema()), "run: python -m gitopsd.config.schema > config/schema.json"


@pytest.mark.parametrize(
    "file",
    ["config/gitopsd.example.yaml", "demo/gitopsd.yaml", "deploy/sidecar/gitopsd.yaml", "packaging/deb/gitopsd.yaml"],
)
def test_an_editor_finds_nothing_wrong_with_what_we_ship(file: str) -> None:
    schema = json.loads((ROOT / "config" / "schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    config = yaml.safe_load((ROOT / file).read_text())
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(config)] == []
    assert not validator.is_valid({**config, "aplications": []})


def test_every_key_and_every_shape_is_described() -> None:
    # A reference is described by its shape.
    undescribed = [
        f"{name}.{key}"
        for name, shape in shapes(json_schema())
        for key, described in mapping(shape, "properties").items()
        if not text(described, "description") and not text(described, "$ref")
    ]
    assert undescribed == []
    assert [name for name, shape in shapes(json_schema()) if not text(shape, "description")] == []


def test_no_shape_has_room_for_unknown_keys() -> None:
    assert [name for name, shape in shapes(json_schema()) if shape.get("additionalProperties") is not False] == []


def test_the_example_names_every_key_of_our_own() -> None:
    example = (ROOT / "config" / "gitopsd.example.yaml").read_text()
    schema = json_schema()
    own = [
        "Server",
        "State",
        "Reconcile",
        "Backoff",
        "Sync",
        "Impersonation",
        "CircuitBreaker",
        "AutoRollback",
        "OrphanedResources",
        "OrphanedIgnore",
        "DestinationServiceAccount",
        "SyncWindow",
        "Cluster",
        "ExecPlugin",
        "AwsAuthConfig",
        "ClustersFrom",
        "Repository",
        "CredentialTemplate",
        "RepositoriesFrom",
    ]
    own += [
        "Resources",
        "KindFilter",
        "IgnoredFields",
        "HealthRule",
        "HealthTimeout",
        "KnownTypeField",
        "Git",
        "Render",
        "Sops",
        "AgeKey",
        "PgpKey",
        "Kms",
        "Log",
    ]
    keys = {key for name, shape in shapes(schema) if name in {"Main", *own} for key in mapping(shape, "properties")}
    assert {name for name, _ in shapes(schema)} >= {"Main", *own}
    assert [key for key in sorted(keys) if not re.search(rf"(^|[ {{#-]){key}:", example, re.MULTILINE)] == []
