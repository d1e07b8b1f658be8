"""`gitopsd config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gitopsd.config.schema import json_schema
from gitopsd.core.counts import counted
from tests.cli.conftest import Cli

GOOD = """\
clusters: [{name: local, server: "https://localhost:6443", token: t, insecure: true}]
applications:
  - name: shop
    source: {repoURL: "https://git.example.org/shop.git", path: .}
    destination: {name: local, namespace: shop}
"""
BAD = """\
clutsers: []
server: {listen: 7}
"""


def test_a_good_file_is_counted_and_its_warnings_are_shown(cli: Cli) -> None:
    Path("c.yaml").write_text(GOOD, encoding="utf-8")
    ran = cli("config", "check", "c.yaml")
    assert ran.code == 0
    assert ran.out.startswith("c.yaml: valid: 1 application, 1 cluster, 0 repositories, 1 file; ")
    assert ran.err.startswith("Warning: c.yaml:1:")


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (0, "clusters", "0 clusters"),
        (1, "clusters", "1 cluster"),
        (2, "files", "2 files"),
        (1, "repositories", "1 repository"),
    ],
)
def test_one_is_no_plural(count: int, nouns: str, text: str) -> None:
    assert counted(count, nouns) == text


def test_every_error_is_shown_with_its_place_and_what_to_try(cli: Cli) -> None:
    Path("c.yaml").write_text(BAD, encoding="utf-8")
    ran = cli("config", "check", "--config", "c.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "Error: c.yaml:1:1: " in ran.err
    assert "Error: c.yaml:2:" in ran.err
    assert "  Try: " in ran.err
    assert "clusters" in ran.err
    assert ran.err.endswith("2 errors\n")


def test_programs_get_the_same_as_data(cli: Cli) -> None:
    Path("c.yaml").write_text(BAD, encoding="utf-8")
    ran = cli("config", "check", "c.yaml", "-o", "json")
    told = json.loads(ran.out)
    assert (ran.code, told["valid"], len(told["errors"])) == (2, False, 2)
    assert told["errors"][0]["where"] == "c.yaml:1:1"
    Path("c.yaml").write_text(GOOD, encoding="utf-8")
    told = yaml.safe_load(cli("config", "check", "c.yaml", "-o", "yaml").out)
    assert (told["valid"], told["applications"], told["errors"]) == (True, 1, [])


def test_a_file_that_is_not_there_or_not_named(cli: Cli) -> None:
    assert cli("config", "check", "none.yaml").code == 2
    ran = cli("config", "check")
    assert ran.code == 2
    assert "Try: `gitopsd config check gitopsd.yaml`" in ran.err
    assert cli("config", "check", "a.yaml", "--config", "b.yaml").code == 2


def test_X7_keys_of_the_file_are_escaped(cli: Cli) -> None:
    Path("c.yaml").write_text('"\\e]0;x\\a\\u202e": 1\n', encoding="utf-8")
    ran = cli("config", "check", "c.yaml")
    assert ran.code == 2
    assert all(char.isprintable() or char == "\n" for char in ran.err)


def test_the_schema_is_printed_as_json_and_as_yaml(cli: Cli) -> None:
    assert json.loads(cli("config", "schema").out) == json_schema()
    assert yaml.safe_load(cli("config", "schema", "-o", "yaml").out) == json_schema()
