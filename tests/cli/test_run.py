"""`gitopsd run`, as far as it goes without a cluster (tests/e2e/test_commands.py has the rest)."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path

from gitopsd.testing.gitserver import GitRepo
from tests.cli.conftest import GITOPSD, Ran

SECONDS = 60
NOTHING = "server: {listen: '127.0.0.1:0'}\nclusters: []\napplications: []\n"


def run(folder: Path, *arguments: str) -> Ran:
    command = [GITOPSD, "run", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    return Ran(done.returncode, done.stdout, done.stderr)


def one_application(folder: Path) -> Path:
    """An application whose cluster is never there."""
    repository = GitRepo(folder / "shop.git")
    repository.commit({"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
    config = folder / "c.yaml"
    config.write_text(
        f"""\
server: {{listen: '127.0.0.1:0'}}
clusters: [{{name: local, server: "https://127.0.0.1:1", token: t}}]
git: {{localRoots: [.]}}
applications:
  - name: shop
    source: {{repoURL: "{repository.url}", path: .}}
    destination: {{name: local, namespace: prod}}
"""
    )
    return config


def test_once_with_nothing_to_do_is_good(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(NOTHING)
    ran = run(tmp_path, "--config", "c.yaml", "--once", "-o", "json")
    assert (ran.code, ran.out) == (0, "[]\n")


def test_once_does_not_call_good_what_has_no_cluster(tmp_path: Path) -> None:
    ran = run(tmp_path, "--config", str(one_application(tmp_path)), "--once", "--timeout", "3s", "-o", "json")
    assert ran.code in (1, 3)
    (shop,) = json.loads(ran.out)
    assert (shop["name"], shop["sync"]) == ("shop", "Unknown")
    assert shop["message"]
    assert all(json.loads(line) for line in ran.err.splitlines() if line.startswith("{"))


def test_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("clutsers: []\nx: 1\n")
    for command in (["--once"], []):
        ran = run(tmp_path, "--config", "c.yaml", *command)
        assert (ran.code, ran.out) == (2, "")
        assert "Error: c.yaml:1:1: " in ran.err
        assert "Error: c.yaml:2:1: " in ran.err


def test_the_daemon_runs_until_it_is_told_to_end_and_answers_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(NOTHING)
    command = [GITOPSD, "run", "--config", "c.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        seen = b""
        while b'"ready"' not in seen and select.select([process.stderr], [], [], SECONDS)[0]:
            part = os.read(process.stderr.fileno(), 65536)
            assert part, seen
            seen += part
        asked = subprocess.run(
            [GITOPSD, "app", "list", "-o", "json"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (asked.returncode, asked.stdout) == (0, "[]\n")
        second = run(tmp_path, "--config", "c.yaml")
        assert second.code == 1
        assert "another gitopsd uses this state folder" in second.err
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
