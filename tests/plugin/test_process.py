"""Processes of this Python; in the frozen program tests/packaging/test_binary.py looks at them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitopsd.plugin import module_command

TELLING = "import sys\ndef main():\n    print(sys.argv[1:], 'gitopsd' in sys.modules, sys.flags.isolated)\n"


def test_a_module_runs_with_what_stands_beside_it_alone(tmp_path: Path) -> None:
    (tmp_path / "acme_telling.py").write_text(TELLING)
    command = [*module_command("acme_telling", only_from=str(tmp_path)), "one", "two"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "['one', 'two'] False 1\n"


def test_a_module_of_an_installed_package_runs_untouched_by_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "gitopsd.py").write_text("raise SystemExit('this is not gitopsd')")
    command = module_command("gitopsd.sources.worker.__main__")
    assert subprocess.run(command, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL).returncode == 0


def test_the_frozen_program_runs_it_by_a_word_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert module_command("a.b", only_from="/anywhere") == (sys.executable, "--run-module", "a.b")
