"""Folders of health rules, and which rule is for which kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.core.errors import ConfigError
from gitopsd.core.ids import GroupKind
from gitopsd.rules.customizations import RuleBook, read_customizations
from tests.rules.conftest import cel, lua


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(folder)


def test_a_folder_of_argo_cd_is_read_as_it_is(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "cert-manager.io/Certificate/health.lua": "one",
            "cert-manager.io/Certificate/health_test.yaml": "tests: []",
            "cert-manager.io/Certificate/testdata/healthy.yaml": "kind: Certificate",
            "apps/Deployment/actions/restart/action.lua": "return obj",
            "apps/Deployment/actions/discovery.lua": "return {}",
            "PersistentVolume/health.lua": "core",
            "_.crossplane.io/_/health.lua": "any",
            "_.aws.crossplane.io/_/health.lua": "aws",
            "embed.go": "package resource_customizations",
        },
    )
    book = RuleBook(read_customizations(folder))

    def source(group: str, kind: str) -> str | None:
        found = book.find(GroupKind(group, kind))
        return found.source if found else None

    assert source("cert-manager.io", "Certificate") == "one"
    assert source("", "PersistentVolume") == "core"
    assert source("apps", "Deployment") is None
    assert source("s3.aws.crossplane.io", "Bucket") == "aws"
    assert source("gcp.crossplane.io", "Disk") == "any"
    assert source("crossplane.io", "Disk") is None
    found = book.find(GroupKind("cert-manager.io", "Certificate"))
    assert found is not None
    assert (found.language, found.open_libs) == ("lua", True)
    assert found.where.endswith("cert-manager.io/Certificate/health.lua")


def test_an_exact_rule_comes_before_globs_and_what_is_configured_before_folders() -> None:
    configured = [cel("glob", "*", "example.org"), cel("exact", "Widget"), cel("second", "Widget")]
    book = RuleBook(configured, [lua("file", "Widget"), lua("file", "Other", "other.org")])

    def source(group: str, kind: str) -> str:
        found = book.find(GroupKind(group, kind))
        return found.source if found else ""

    assert source("example.org", "Widget") == "exact"
    assert source("example.org", "Gadget") == "glob"
    assert source("other.org", "Other") == "file"
    assert source("other.org", "None") == ""


@pytest.mark.parametrize(
    ("content", "why"), [(b"\xff\xfe", "UTF-8"), (b"x" * (256 * 1024 + 1), "larger")], ids=["binary", "huge"]
)
def test_a_script_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    script = tmp_path / "example.org" / "Widget" / "health.lua"
    script.parent.mkdir(parents=True)
    script.write_bytes(content)
    with pytest.raises(ConfigError, match=why) as caught:
        read_customizations(str(tmp_path))
    assert caught.value.where == str(script)


def test_a_folder_that_is_not_there_is_an_error_and_an_empty_one_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not there"):
        read_customizations(str(tmp_path / "missing"))
    assert read_customizations(str(tmp_path)) == ()
