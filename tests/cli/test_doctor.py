"""`gitopsd admin doctor`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli


def test_what_is_wrong_with_the_configuration_is_told_with_its_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text("clusters:\n- name: a\n  sever: x\n", encoding="utf-8")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert ran.code == 1
    assert "✗ gitopsd.yaml:3:3: " in ran.out
