"""The command as a process: what it imports, what it does when it is interrupted or nobody reads on."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gitopsd.cli.guard import guarded
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.errors import RenderError, SourceError
from gitopsd.core.health.status import degraded
from tests.cli.conftest import GITOPSD, Cli, Served

SECONDS = 60
SLOW_TO_IMPORT = (
    "anyio",
    "fastapi",
    "httpx",
    "rich",
    "sqlalchemy",
    "structlog",
    "yaml",
    "gitopsd.config",
    "gitopsd.kube",
)


def imported(arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> set[str]:
    """The modules that a command imports, by Python's own account."""
    command = [sys.executable, "-X", "importtime", "-m", "gitopsd.cli", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("command", [["version"], ["app", "list"], ["app", "refresh", "shop"]])
def test_a_person_does_not_wait_for_what_a_command_does_not_need(
    served: Served, tmp_path: Path, environ: dict[str, str], command: list[str]
) -> None:
    served.daemon.add("shop")
    found = imported(command, tmp_path, environ)
    assert "gitopsd.cli.guard" in found
    assert found.isdisjoint(SLOW_TO_IMPORT)


def test_a_refresh_does_not_even_wait_for_typer(served: Served, tmp_path: Path, environ: dict[str, str]) -> None:
    served.daemon.add("shop")
    found = imported(["app", "refresh", "shop"], tmp_path, environ)
    assert found.isdisjoint(("typer", "pydantic", "dataclasses", "ssl"))
    assert served.daemon.refreshed == [("shop", False)]


def test_a_reader_that_went_away_ends_the_command_quietly(
    served: Served, tmp_path: Path, environ: dict[str, str]
) -> None:
    for number in range(1000):
        served.daemon.add(f"app-{number:04}")
    command = [GITOPSD, "app", "list", "-o", "yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(SECONDS) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["version"], ["app", "--help"], ["config", "schema"]])
def test_output_that_finds_no_room_is_told_once(tmp_path: Path, environ: dict[str, str], command: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [GITOPSD, *command], cwd=tmp_path, env=environ, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        b"Error: the output cannot be written: No space left on device\n  Try: make room, or write it elsewhere\n"
    )


@pytest.mark.parametrize(("closed", "answered"), [(">&-", 1), ("2>&-", 0), ("<&-", 0), ("<&- >&- 2>&-", 1)])
def test_a_closed_stream_is_no_file_that_is_written_to(
    tmp_path: Path, environ: dict[str, str], closed: str, answered: int
) -> None:
    for command, code in (("version", answered), ("config check nowhere.yaml", 2)):
        shell = ["sh", "-c", f"exec '{GITOPSD}' {command} {closed}"]
        assert subprocess.run(shell, cwd=tmp_path, env=environ, check=False).returncode == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["version", "app --help", "app list", "config schema"])
def test_an_answer_that_finds_standard_output_closed_is_not_lost_without_a_word(
    served: Served, tmp_path: Path, environ: dict[str, str], command: str
) -> None:
    served.daemon.add("shop")
    shell = ["sh", "-c", f"exec '{GITOPSD}' {command} >&-"]
    done = subprocess.run(shell, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: the output cannot be written: Bad file descriptor\n  Try: make room, or write it elsewhere\n"
    )


def test_a_command_without_an_answer_does_well_with_standard_output_closed(
    served: Served, tmp_path: Path, environ: dict[str, str]
) -> None:
    assert not served.daemon.apps
    shell = ["sh", "-c", f"exec '{GITOPSD}' app list >&-"]
    done = subprocess.run(shell, cwd=tmp_path, env=environ, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "no applications\n")


def test_ctrl_c_ends_the_command_without_a_traceback(tmp_path: Path, environ: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen()
        # As at a terminal: what a shell starts in its background begins with the signal ignored.
        command = ["env", "--default-signal=INT", GITOPSD, "app", "list", "--socket", "silent.sock"]
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE) as process:
            listener.settimeout(SECONDS)
            connection, _ = listener.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                code = process.wait(SECONDS)
            assert process.stderr is not None
            assert (code, process.stderr.read()) == (130, b"")


def test_a_fault_of_ours_is_one_line_and_a_way_to_see_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_file: object) -> str:
        raise ZeroDivisionError("\x1b[2Jhow odd")

    monkeypatch.setattr("builtins.open", broken)
    assert guarded(["health", "-f", "a b.yaml"]) == 70
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[0].startswith("Error: internal error: ")
    assert told[1].startswith("  Try: `gitopsd --debug health -f 'a b.yaml'` shows where")
    assert guarded(["--debug", "health", "-f", "a.yaml"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_of_failures_that_come_in_groups_each_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = [SourceError("no way in", hint="knock"), ExceptionGroup("inner", [RenderError("no way out")])]

    def broken(_file: object, *_: object) -> str:
        raise ExceptionGroup("outer", failures)

    monkeypatch.setattr("builtins.open", broken)
    failures: list[Exception] = [*ours]
    assert guarded(["health", "-f", "a.yaml"]) == 1
    assert capsys.readouterr().err == "Error: no way in\n  Try: knock\nError: no way out\n"
    failures = [*ours, ZeroDivisionError("how odd")]
    assert guarded(["health", "-f", "a.yaml"]) == 70
    told = capsys.readouterr().err
    assert "Error: no way in\n" in told
    assert "internal error: ZeroDivisionError: how odd" in told


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bogus", "No such command 'bogus'"),
        ("vresion", "Did you mean 'version'?"),
        ("app lits", "Did you mean 'list'?"),
        ("app list --prject x", "--project"),
        ("app get", "Missing argument 'NAME'"),
        ("run", "Missing option '--config'"),
        ("run --config c.yaml -o json", "--output is for --once"),
        ("run --config c.yaml --once --timeout soon", "duration"),
        ("version -o xml", "'json', 'yaml'"),
        ("render", "nothing to render is named"),
        ("render . --app shop", "exclude each other"),
        ("render --app shop --set a=b", "--set cannot be given with --app"),
        ("render . --set a", "expected KEY=VALUE"),
        ("render . --values none.yaml", "none.yaml"),
    ],
)
def test_wrong_usage_says_what_to_try(cli: Cli, command: str, said: str) -> None:
    ran = cli(*command.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "  Try: " in ran.err


def test_a_group_without_a_command_shows_its_help(cli: Cli) -> None:
    for command in ((), ("app",), ("config",)):
        ran = cli(*command)
        assert ran.code == 2
        assert "Commands:" in ran.out


def test_the_version_is_said_in_every_form(cli: Cli) -> None:
    assert cli("version").out.startswith("gitopsd 0.")
    assert cli("--version").out == cli("version").out
    assert '"python": "3.' in cli("version", "-o", "json").out
    parts = cli("version", "--all").out
    assert "engine " in parts
    assert "pygit2 1." in parts
    assert "daemon none: no daemon found" in parts


def test_shells_can_complete_commands(tmp_path: Path, environ: dict[str, str]) -> None:
    asked = {"_GITOPSD_COMPLETE": "complete_bash", "COMP_WORDS": "gitopsd app re", "COMP_CWORD": "2"}
    done = subprocess.run([GITOPSD], cwd=tmp_path, env=environ | asked, check=False, capture_output=True, text=True)
    assert done.stdout.split() == ["refresh"]


def on_a_terminal(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str:
    """What a person sees."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=follower, stderr=follower) as process:
        os.close(follower)
        seen = b""
        while select.select([leader], [], [], SECONDS)[0]:
            try:
                seen += os.read(leader, 65536)
            except OSError:
                # Linux' way to say that the other side is closed.
                break
        process.wait(SECONDS)
    os.close(leader)
    return seen.decode()


def test_X7_a_terminal_gets_colours_and_never_foreign_ones(
    served: Served, tmp_path: Path, environ: dict[str, str]
) -> None:
    evil = degraded("[bold]not markup[/bold] \x1b[2J\u202e")
    served.daemon.add("shop", sync=SyncCode.SYNCED, health=evil)
    terminal = environ | {"TERM": "xterm-256color", "COLUMNS": "200"}
    terminal.pop("NO_COLOR", None)
    seen = on_a_terminal([GITOPSD, "app", "list"], tmp_path, terminal)
    assert "\x1b[32mSynced" in seen
    assert "[bold]not markup[/bold] \\u001b[2J\\u202e" in seen
    assert "\x1b[2J" not in seen
    plain = on_a_terminal([GITOPSD, "app", "list"], tmp_path, terminal | {"NO_COLOR": "1"})
    assert "\x1b[3" not in plain
    dumb = on_a_terminal([GITOPSD, "app", "list"], tmp_path, terminal | {"TERM": "dumb"})
    assert "\x1b" not in dumb
