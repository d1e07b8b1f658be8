"""`gitopsd app plan` and the words that syncs are asked for with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.cli import plan_drawing
from gitopsd.cli.syncoptions import Strategy, Wishes, resource_filter
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.syncrequest import ObjectFilter
from gitopsd.testing.builders import an_object
from tests.cli.conftest import Cli, Served
from tests.web.operating import a_plan_view, changing

SHOP = AppName("shop")
EXPECTED = """\
Plan p1a2b3c of shop at 1a2b3c4

PreSync, wave 0
   1  run       batch/Job default/migrate   it is a PreSync hook

Sync, wave 0
   2  apply     ConfigMap default/settings   it is not in the cluster
      then waits until healthy: ConfigMap default/settings

Sync, wave 1
   3  apply     apps/Deployment default/web   git and the cluster differ
        spec.replicas   3 → 5   set by gitopsd
   4  prune     ConfigMap default/old         it is no longer in git

Should it fail: SyncFail, wave 0
   5  run       batch/Job default/tell   it is a SyncFail hook

Left git and stays
  PersistentVolumeClaim default/data   it is a PersistentVolumeClaim with data   (held back: --confirm lets it go)

2 objects are applied, 1 is deleted, 1 hook runs. 1 held back.
To do exactly this: gitopsd app sync shop --prune --plan p1a2b3c
"""


def planned(served: Served, **changes: object) -> None:
    """Let the daemon plan this for `shop`."""
    served.daemon.add("shop")
    served.daemon.operator.views[SHOP] = a_plan_view(**changes)


def without_times(text: str) -> str:
    """Cut off how long ago a field was set."""
    lines = [line.partition("set by gitopsd")[0:2] for line in text.splitlines()]
    return "".join(f"{before}{owner}\n" for before, owner in lines)


def test_a_plan_is_shown_with_the_command_that_does_it(cli: Cli, served: Served) -> None:
    planned(served)
    ran = cli("app", "plan", "shop", "--prune")
    assert (ran.code, ran.err) == (0, "")
    assert without_times(ran.out) == EXPECTED


def test_of_many_that_are_waited_for_the_first_are_named(cli: Cli, served: Served) -> None:
    stage = a_plan_view().stages[1]
    keys = tuple(stage.waits_for[0]._replace(name=f"c{number}") for number in range(1000))
    planned(served, stages=(replace(stage, waits_for=keys),))
    told = "then waits until healthy: ConfigMap default/c0, ConfigMap default/c1, ConfigMap default/c2 and 997 more"
    assert told in cli("app", "plan", "shop").out


def test_programs_get_the_plan_as_data(cli: Cli, served: Served) -> None:
    planned(served)
    ran = cli("app", "plan", "shop", "-o", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["id"] == "p1a2b3c"
    assert "id: p1a2b3c" in cli("app", "plan", "shop", "-o", "yaml").out


def test_a_plan_of_nothing_says_so_and_names_no_command(cli: Cli, served: Served) -> None:
    planned(served, stages=(), failing=(), kept={}, held=frozenset())
    assert cli("app", "plan", "shop").out == "Plan p1a2b3c of shop at 1a2b3c4\n\nNothing to do.\n"


def test_a_plan_that_would_be_refused_says_why_and_names_no_command(cli: Cli, served: Served) -> None:
    planned(served, blocked="the window `no Fridays` is closed until 2026-03-02T00:00:00Z")
    ran = cli("app", "plan", "shop")
    assert ran.out.splitlines()[-1] == "Blocked: the window `no Fridays` is closed until 2026-03-02T00:00:00Z"


def test_X7_foreign_text_in_a_plan_is_escaped(cli: Cli, served: Served) -> None:
    planned(served, kept=dict.fromkeys(a_plan_view().kept, "\x1b]0;owned\x07"))
    ran = cli("app", "plan", "shop")
    assert "\\u001b]0;owned\\u0007" in ran.out
    assert "\x1b" not in ran.out


def test_S1_a_plan_shows_no_value_of_a_secret(cli: Cli, served: Served) -> None:
    before, after = (an_object("Secret", "login", data={"password": value}) for value in ("Q0FOQVJZ", "TkVX"))
    stage = a_plan_view().stages[1]
    planned(served, stages=(type(stage)(stage.phase, stage.wave, (changing(after, before),)),))
    for more in ((), ("-o", "json")):
        ran = cli("app", "plan", "shop", *more)
        assert "Q0FOQVJZ" not in ran.out + ran.err
        assert "TkVX" not in ran.out + ran.err
        assert "++++++++" in ran.out


def test_all_wishes_reach_the_daemon_and_the_command_that_is_shown(cli: Cli, served: Served) -> None:
    planned(served)
    words = (
        "--revision v1 --revision v2 --no-prune --force --replace --apply-out-of-sync-only --confirm "
        "--resource '!apps:Deployment:shop/we*' --label tier=front --strategy apply"
    )
    given_words = words.replace("'", "").split()
    ran = cli("app", "plan", "shop", *given_words)
    assert ran.out.splitlines()[-1] == f"To do exactly this: gitopsd app sync shop {words} --plan p1a2b3c"
    (request,) = (request for _, _, request in served.daemon.operator.asked)
    assert request is not None
    assert (request.revisions, request.prune, request.force, request.hooks) == (("v1", "v2"), False, True, False)
    assert request.options == {"Replace": "true", "ApplyOutOfSyncOnly": "true"}
    assert request.resources == (ObjectFilter("apps", "Deployment", "shop", "we*", exclude=True),)
    assert (request.labels, request.confirmed) == ({"tier": "front"}, True)


@pytest.mark.parametrize("word", ["Deployment:web", "apps:Deployment", "apps::web", "apps:Deployment:", "", "!", "::"])
def test_a_resource_that_names_nothing_is_wrong_usage(cli: Cli, served: Served, word: str) -> None:
    planned(served)
    ran = cli("app", "plan", "shop", f"--resource={word}")
    assert ran.code == 2
    assert "GROUP:KIND:[NS/]NAME" in ran.err
    assert served.daemon.operator.asked == []


@pytest.mark.parametrize("option", ["--label", "--info"])
def test_a_pair_without_a_value_is_wrong_usage(cli: Cli, served: Served, option: str) -> None:
    planned(served)
    ran = cli("app", "sync", "shop", option, "tier")
    assert ran.code == 2
    assert "'tier' is no KEY=VALUE" in ran.err


@given(st.text(max_size=12))
def test_a_resource_is_understood_or_refused_and_never_breaks(word: str) -> None:
    try:
        found = resource_filter(word)
    except typer.BadParameter:
        return
    assert found["kind"]
    assert isinstance(found["name"], str)


@pytest.mark.parametrize("strategy", [None, Strategy.HOOK, Strategy.APPLY])
def test_force_goes_with_either_strategy(strategy: Strategy | None) -> None:
    name = strategy.value if strategy else "hook"
    assert Wishes(force=True, strategy=strategy).body() == {"strategy": {name: {"force": True}}}
    assert Wishes().body() == {}


def test_actions_have_colours_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    step: JsonObject = {"number": 1, "action": "prune", "kind": "ConfigMap", "name": "old", "why": "it left git"}
    plan_drawing.draw(
        {"id": "p", "stages": [{"phase": "Sync", "steps": [step]}]}, "x", datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert "\x1b[31mprune   \x1b[0m" in capsys.readouterr().out
