from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.render.engine import NAME, VARIABLE, identity, locate


def program(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_the_setting_wins_over_the_environment(tmp_path: Path) -> None:
    setting, variable = program(tmp_path / "a"), program(tmp_path / "b")
    assert locate(setting, {VARIABLE: variable}) == setting
    assert locate("", {VARIABLE: variable}) == variable


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_named_engine_that_cannot_be_run_is_an_error_that_names_the_setting(tmp_path: Path, mode: int | None) -> None:
    path = str(tmp_path / NAME) if mode is None else program(tmp_path / NAME, mode=mode)
    with pytest.raises(RenderError, match=r"render\.engine names"):
        locate(path, {})
    with pytest.raises(RenderError, match="GITOPSD_ENGINE names"):
        locate("", {VARIABLE: path})


def test_another_build_of_the_engine_has_another_identity(tmp_path: Path) -> None:
    path = program(tmp_path / NAME)
    before = identity(path)
    assert identity(path) == before
    os.replace(program(tmp_path / "new", "#!/bin/sh\nexit\n"), path)
    assert identity(path) != before
    assert identity(None) == "none"
