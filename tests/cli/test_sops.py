"""`gitopsd render` of what SOPS encrypted, in processes of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from gitopsd.render.engine import locate
from gitopsd.render.sops import locate_sops
from tests.cli.conftest import GITOPSD, Ran
from tests.sealing import Key, age_keys, seal

CANARY = "swordfish-canary"
pytestmark = pytest.mark.skipif(
    locate("", os.environ) is None or locate_sops(os.environ) is None, reason="gitopsd's Go programs are not built"
)


@pytest.fixture
def keys(tmp_path: Path) -> list[Key]:
    """Of the chart in the folder the first key opens the values."""
    keys = age_keys(2)
    chart = {
        "Chart.yaml": b"apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "values.yaml": seal(f"token: {CANARY}\n", age=[keys[0]]),
        "templates/a.yaml": b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
        b"stringData:\n  t: {{ .Values.token }}\n",
    }
    for name, content in chart.items():
        (tmp_path / "chart" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / name).write_bytes(content)
    for number, key in enumerate(keys):
        (tmp_path / f"age{number}.txt").write_text(f"# a comment\n{key.private}\n")
    return keys


def render(folder: Path, *arguments: str, **environ: str) -> Ran:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SOPS_", "XDG_"))}
    done = subprocess.run(
        [GITOPSD, "render", *arguments],
        cwd=folder,
        env={**inherited, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def token(ran: Ran) -> str:
    assert (ran.code, ran.err) == (0, "")
    found: str = yaml.safe_load(ran.out)["stringData"]["t"]
    return found


def test_the_keys_that_sops_itself_would_find_are_used(tmp_path: Path, keys: list[Key]) -> None:
    assert token(render(tmp_path, "chart", SOPS_AGE_KEY_FILE="age0.txt")) == CANARY
    assert token(render(tmp_path, "chart", SOPS_AGE_KEY=keys[0].private)) == CANARY
    own = tmp_path / ".config" / "sops" / "age" / "keys.txt"
    own.parent.mkdir(parents=True)
    own.write_text(keys[0].private)
    assert token(render(tmp_path, "chart")) == CANARY


def test_the_keys_of_the_configuration_are_used(tmp_path: Path, keys: list[Key]) -> None:
    (tmp_path / "gitopsd.yaml").write_text("sops: {ageKeys: [{file: age1.txt}, {file: age0.txt}]}\n")
    assert token(render(tmp_path, "chart", "--config", "gitopsd.yaml")) == CANARY


def test_a_wrong_or_missing_key_is_told_with_the_recipient(tmp_path: Path, keys: list[Key]) -> None:
    for environ in ({}, {"SOPS_AGE_KEY_FILE": "age1.txt"}):
        ran = render(tmp_path, "chart", **environ)
        assert (ran.code, ran.out) == (1, "")
        assert f"no key opens values.yaml, which is encrypted for age {keys[0].name}" in ran.err
        assert (keys[1].name in ran.err) == bool(environ)
    ran = render(tmp_path, "chart", SOPS_AGE_KEY_FILE="nowhere.txt")
    assert (ran.code, ran.out) == (1, "")
    assert "SOPS_AGE_KEY_FILE names a file that cannot be read" in ran.err


def test_values_that_are_given_beside_the_chart_are_decrypted(tmp_path: Path, keys: list[Key]) -> None:
    (tmp_path / "more.yaml").write_bytes(seal(f"token: other {CANARY}\n", age=[keys[0]]))
    assert token(render(tmp_path, "chart", "-f", "more.yaml", SOPS_AGE_KEY_FILE="age0.txt")) == f"other {CANARY}"
    ran = render(tmp_path, "chart", "-f", "more.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert f"no key opens more.yaml, which is encrypted for age {keys[0].name}" in ran.err
