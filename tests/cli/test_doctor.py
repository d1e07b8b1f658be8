"""`gitopsd admin doctor`: what a person and a program read. What it finds in clusters: tests/e2e/test_doctor.py."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import GITOPSD, Cli, Served

SMALL = "{server: {listen: '127.0.0.1:0'}, plugins: [{name: own, generate: {command: [no-such-program]}}]}"


def test_what_is_wrong_with_the_configuration_is_told_with_its_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text("clusters:\n- name: a\n  sever: x\n", encoding="utf-8")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert ran.code == 1
    assert "✗ gitopsd.yaml:3:3: " in ran.out


def test_findings_are_grouped_with_their_hints_below_and_counted(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text(SMALL, encoding="utf-8")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "configuration",
        "daemon",
        "credentials",
        "folders",
        "rendering",
        "machine",
        lines[-1],
    ]
    place = lines.index("  ✗ plugin own: no-such-program not found")
    assert lines[place + 1] == "      install it, or set the plugin's PATH under env"
    assert lines[-1].startswith("1 problem, ")
    assert not (tmp_path / "state").exists()


def test_a_warning_stands_beside_its_own_place_once_and_one_of_a_thing_is_one_thing(cli: Cli, tmp_path: Path) -> None:
    cluster = "{name: a, server: 'http://127.0.0.1:1', token: plain}"
    (tmp_path / "gitopsd.yaml").write_text(f"clusters:\n- {cluster}\n", encoding="utf-8")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert "  ✓ gitopsd.yaml: valid: 0 applications, 1 cluster, 0 repositories" in ran.out
    warned = [line for line in ran.out.splitlines() if line.startswith("  ! gitopsd.yaml")]
    assert warned
    assert all(line.count("gitopsd.yaml") == 1 for line in warned), warned


def test_what_is_not_known_has_no_tick(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}", encoding="utf-8")
    told = cli("admin", "doctor", "--config", "gitopsd.yaml").out.splitlines()
    (clock,) = [line for line in told if line[4:].startswith("clock: ")]
    assert clock.startswith("  - " if "not known" in clock else "  ✓ ")


def test_what_a_restore_that_was_cut_off_left_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}", encoding="utf-8")
    (tmp_path / "state" / "restoring").mkdir(mode=0o700, parents=True)
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert f"  ! {tmp_path}/state/restoring: a restore that did not come to its end left it" in ran.out
    assert f"      restore again, or remove it: rm -r {tmp_path}/state/restoring" in ran.out


def test_programs_read_the_same_as_json(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gitopsd.yaml").write_text(SMALL, encoding="utf-8")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml", "-o", "json")
    found = json.loads(ran.out)
    assert (ran.code, found["well"]) == (1, False)
    assert all(set(each) == {"area", "subject", "severity", "message", "hint"} for each in found["findings"])
    (problem,) = [each for each in found["findings"] if each["severity"] == "problem"]
    assert (problem["area"], problem["subject"]) == ("rendering", "plugin own")


def test_a_file_of_secrets_that_is_open_to_others_is_a_warning_that_breaks_nothing(cli: Cli, tmp_path: Path) -> None:
    main = "repositories: [{url: 'file:///nowhere', password: {file: password}, username: u}]"
    (tmp_path / "gitopsd.yaml").write_text(
        main.replace("'file:///nowhere'", "https://127.0.0.1:1/a.git"), encoding="utf-8"
    )
    (tmp_path / "password").write_text("secret", encoding="utf-8")
    (tmp_path / "password").chmod(0o644)
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert f"  ! {tmp_path}/password: it holds a secret, and everybody may read it (mode 0644)" in ran.out
    assert f"      chmod 600 {tmp_path}/password" in ran.out
    assert "secret\n" not in ran.out


def test_a_state_file_of_a_newer_version_is_named_and_keeps_nothing_else_from_being_looked_at(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}", encoding="utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection, connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml", "-o", "json")
    findings = json.loads(ran.out)["findings"]
    (problem,) = [each for each in findings if each["severity"] == "problem"]
    assert (ran.code, problem["area"]) == (1, "folders")
    assert "newer gitopsd wrote it" in problem["message"]
    assert {each["area"] for each in findings} >= {"rendering", "machine"}


@pytest.mark.parametrize(
    ("ready", "words"), [(True, "a process runs version "), (False, "runs, but: 3 applications not looked at yet")]
)
def test_a_running_daemon_is_asked_whether_it_is_well(
    cli: Cli, tmp_path: Path, served: Served, ready: bool, words: str
) -> None:
    served.daemon.readiness = (ready, "" if ready else "3 applications not looked at yet")
    (tmp_path / "gitopsd.yaml").write_text(
        f"server: {{listen: '127.0.0.1:0'}}\nstate: {{dir: {served.socket.parent}}}", encoding="utf-8"
    )
    ran = cli("admin", "doctor", "--config", "gitopsd.yaml")
    assert words in ran.out


def test_a_plugin_that_hangs_is_named_and_holds_up_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    plugin = tmp_path / "plugins.d" / "gitopsd_hangs.py"
    plugin.parent.mkdir(mode=0o755)
    plugin.write_text("print('still here')\nimport threading\nthreading.Event().wait()\n", encoding="utf-8")
    plugin.chmod(0o644)
    (tmp_path / "gitopsd.yaml").write_text(
        "{server: {listen: '127.0.0.1:0'}, pluginPath: [plugins.d]}", encoding="utf-8"
    )
    command = [GITOPSD, "admin", "doctor", "--config", "gitopsd.yaml", "-o", "json"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, check=False, capture_output=True, timeout=60)
    assert done.returncode == 1
    told = [each["message"] for each in json.loads(done.stdout)["findings"] if each["subject"] == "plugins"]
    assert len(told) == 1
    assert "'hangs' is still being imported" in told[0]
    assert done.stderr == b"still here\n"
