"""`gitopsd render` of folders, in processes of their own: it sets up the log."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.conftest import GITOPSD, Ran


def render(folder: Path, *arguments: str) -> Ran:
    done = subprocess.run([GITOPSD, "render", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_folder_that_renders_nothing_is_said_beside_the_empty_answer(tmp_path: Path) -> None:
    (tmp_path / "app" / "below").mkdir(parents=True)
    (tmp_path / "app" / "below" / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    ran = render(tmp_path, "app")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("nothing to apply: no manifest came out (a plain folder's subfolders are read only")
    assert "metadata:\n  name: a" in render(tmp_path, "app/below").out


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = render(tmp_path, "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: 'nowhere' is not a folder\n  Try: name the folder that holds the manifests\n"
