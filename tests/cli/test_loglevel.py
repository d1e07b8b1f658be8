"""`gitopsd admin log-level` and `gitopsd admin profile`."""

from __future__ import annotations

import json

import pytest

from gitopsd.ports.debugging import MOST_LEVEL_SECONDS
from gitopsd.testing.debugging import FakeDebugging
from tests.cli.conftest import Cli, Served, at_a_terminal


def debugging(served: Served) -> FakeDebugging:
    assert served.daemon.debugging is not None
    return served.daemon.debugging


def test_without_an_argument_the_level_is_shown(cli: Cli, served: Served) -> None:
    ran = cli("admin", "log-level", "--socket", str(served.socket))
    assert (ran.code, ran.out, ran.err) == (0, "info (as configured)\n", "")


def test_a_level_is_set_for_a_while(cli: Cli, served: Served) -> None:
    ran = cli("admin", "log-level", "debug", "--for", "10m", "--socket", str(served.socket))
    assert (ran.code, ran.out) == (0, "debug (configured: info), until 2030-01-01T00:10:00Z\n")
    assert debugging(served).asked == [("debug", 600.0)]


def test_a_level_is_set_until_it_is_changed_and_set_back(cli: Cli, served: Served) -> None:
    ran = cli("admin", "log-level", "warning", "--socket", str(served.socket))
    assert ran.out == "warning (configured: info), until it is changed\n"
    assert cli("admin", "log-level", "reset", "--socket", str(served.socket)).out == "info (as configured)\n"
    assert debugging(served).asked == [("warning", None), ("", None)]


def test_programs_get_json(cli: Cli, served: Served) -> None:
    ran = cli("admin", "log-level", "-o", "json", "--socket", str(served.socket))
    assert json.loads(ran.out) == {"level": "info", "configured": "info", "until": None}


def test_a_level_may_be_written_in_capitals(cli: Cli, served: Served) -> None:
    assert cli("admin", "log-level", "DEBUG", "--socket", str(served.socket)).code == 0
    assert debugging(served).asked == [("debug", None)]


def test_a_time_that_is_too_long_is_refused_with_what_is_long_enough(cli: Cli, served: Served) -> None:
    assert MOST_LEVEL_SECONDS == 7 * 86_400
    assert cli("admin", "log-level", "debug", "--for", "168h", "--socket", str(served.socket)).code == 0
    ran = cli("admin", "log-level", "debug", "--for", "99999999h", "--socket", str(served.socket))
    assert ran.code == 2
    assert "'99999999h' is longer than 7 days: set log.level of the configuration" in " ".join(ran.err.split())
    assert debugging(served).asked == [("debug", MOST_LEVEL_SECONDS)]


@pytest.mark.parametrize(
    "arguments",
    [["loud"], ["debug", "--for", "ten"], ["--for", "10m"], ["reset", "--for", "10m"], ["debug", "--for", "0"]],
)
def test_what_cannot_be_is_refused_before_the_daemon_is_asked(cli: Cli, served: Served, arguments: list[str]) -> None:
    ran = cli("admin", "log-level", *arguments, "--socket", str(served.socket))
    assert ran.code == 2
    assert debugging(served).asked == []


def test_a_profile_goes_to_standard_output(cli: Cli, served: Served) -> None:
    ran = cli("admin", "profile", "--seconds", "2", "--socket", str(served.socket))
    assert (ran.code, ran.out, ran.err) == (0, "a profile\n", "")
    cli("admin", "profile", "--format", "speedscope", "--socket", str(served.socket))
    assert debugging(served).profiles == [(2.0, "text"), (10.0, "speedscope")]


def test_while_another_profile_is_made_it_says_so(cli: Cli, served: Served) -> None:
    debugging(served).busy = True
    ran = cli("admin", "profile", "--socket", str(served.socket))
    assert ran.code == 1
    assert "a profile is being made already" in ran.err


def test_more_than_a_minute_is_refused(cli: Cli, served: Served) -> None:
    assert cli("admin", "profile", "--seconds", "61", "--socket", str(served.socket)).code == 2
    assert debugging(served).profiles == []


def test_a_page_does_not_go_to_a_terminal(served: Served) -> None:
    # Standard output of `at_a_terminal` is a pipe: that is a file as good as any.
    code, out, _ = at_a_terminal(served, "", "admin", "profile", "--format", "html")
    assert (code, out) == (0, "a profile\n")


def test_without_a_daemon_both_say_so(cli: Cli) -> None:
    for command in ("log-level", "profile"):
        ran = cli("admin", command)
        assert ran.code == 1
        assert "no daemon" in ran.err
