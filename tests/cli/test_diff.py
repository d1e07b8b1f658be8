"""`gitopsd diff APP`: what the daemon found, for people and programs; and which words go together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitopsd.cli import differences
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.ids import AppName
from gitopsd.daemon.clock import SystemClock
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from tests.cli.conftest import Cli, Ran, Served
from tests.core.making import live, live_of, want
from tests.web.test_differences import drifted, together

APP = AppName("shop")


def run(cli: Cli, served: Served, comparison: Comparison, *more: str, sync: SyncCode = SyncCode.OUT_OF_SYNC) -> Ran:
    """`gitopsd diff shop` of a daemon that found this."""
    served.daemon.add("shop", sync=sync)
    served.daemon.comparisons[APP] = comparison
    return cli("diff", "shop", "--socket", str(served.socket), *more)


def test_an_object_that_differs_is_told_field_by_field(cli: Cli, served: Served) -> None:
    wanted = a_deployment("web", replicas=5, image="web:2")
    ran = run(cli, served, drifted(wanted, a_deployment("web", replicas=3, image="web:1")))
    assert ran.code == 1
    first, replicas, image = ran.out.splitlines()
    assert first == "apps/Deployment default/web   OutOfSync"
    assert replicas.split()[:4] == ["spec.replicas", "3", "→", "5"]
    assert replicas.index("→") < image.index("→") < replicas.index("set by") == image.index("set by")
    assert "set by gitopsd" in replicas
    assert image.split()[:4] == ["spec.template.spec.containers[name=web].image", "web:1", "→", "web:2"]
    assert ran.err == "1 object differs; read: what the cluster has → what git has\n"
    assert "\x1b" not in ran.out, "no colour where a program reads"


def test_no_difference_is_0_and_said_beside_the_answer(cli: Cli, served: Served) -> None:
    (one,) = want(a_config_map("settings")).objects
    ran = run(cli, served, compare(want(a_config_map("settings")), live(live_of(one))), sync=SyncCode.SYNCED)
    assert (ran.code, ran.out, ran.err) == (0, "", "no differences\n")


def test_what_could_not_be_compared_is_not_said_to_have_no_differences(cli: Cli, served: Served) -> None:
    ran = run(cli, served, compare(want(), live()), sync=SyncCode.UNKNOWN)
    assert (ran.code, ran.out) == (2, "")
    assert "no differences" not in ran.err
    assert "`gitopsd app get shop` says why" in ran.err
    ran = run(cli, served, compare(want(), live()), "-o", "json", sync=SyncCode.UNKNOWN)
    assert (ran.code, json.loads(ran.out)) == (2, [])


def test_missing_and_extra_objects_say_so(cli: Cli, served: Served) -> None:
    (one,) = want(a_config_map("old")).objects
    both = together(compare(want(a_config_map("new")), live()), compare(want(), live(live_of(one))))
    ran = run(cli, served, both)
    assert ran.out.splitlines() == [
        "ConfigMap default/new   OutOfSync   in git, and not in the cluster",
        "",
        "ConfigMap default/old   OutOfSync   in the cluster, and no longer in git",
    ]
    assert ran.code == 1


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.REFUSED])
def test_what_could_not_be_compared_is_2(cli: Cli, served: Served, verdict: Verdict) -> None:
    (one,) = want(a_config_map("settings")).objects
    item = ObjectComparison(one.key, one, None, verdict, error="the webhook is down")
    ran = run(cli, served, Comparison({one.key: item}))
    assert ran.code == 2
    assert "the webhook is down" in ran.out
    assert "1 could not be compared" in ran.err


def test_an_application_that_was_not_compared_is_2(cli: Cli, served: Served) -> None:
    ran = run(cli, served, Comparison({}), sync=SyncCode.UNKNOWN)
    assert ran.code == 2
    assert "gitopsd app get shop" in ran.err


def test_programs_get_the_same_as_data(cli: Cli, served: Served) -> None:
    comparison = drifted(a_deployment("web", replicas=5), a_deployment("web", replicas=3))
    for form, parse in (("json", json.loads), ("yaml", yaml.safe_load)):
        ran = run(cli, served, comparison, "-o", form)
        (item,) = parse(ran.out)
        assert ran.code == 1
        assert item["fields"][0]["path"] == "spec.replicas"
        assert item["fields"][0]["live"] == {"present": True, "value": 3, "size": None}
    assert json.loads(run(cli, served, Comparison({}), "-o", "json", sync=SyncCode.SYNCED).out) == []


def test_long_texts_are_shown_as_lines(cli: Cli, served: Served) -> None:
    text = "".join(f"line {number}\n" for number in range(20))
    wanted = a_config_map("settings", {"a.conf": text})
    ran = run(cli, served, drifted(wanted, a_config_map("settings", {"a.conf": text.replace("line 9\n", "nine\n")})))
    lines = ran.out.splitlines()
    assert lines[1].startswith('  data["a.conf"]')
    assert "    -nine" in lines
    assert "    +line 9" in lines
    assert "     line 8" in lines
    assert not any("line 2" in line for line in lines), "only what is around it"


def test_colour_only_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    field = {
        "path": "spec.replicas",
        "live": {"present": True, "value": 3, "size": None},
        "desired": {"present": True, "value": 5, "size": None},
        "owner": None,
    }
    item: Any = {"kind": "Deployment", "name": "web", "sync": "OutOfSync", "difference": "changed", "fields": [field]}

    def shown() -> str:
        differences.show([item], SystemClock().now())
        told: str = capsys.readouterr().out
        return told

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m3\x1b[0m → \x1b[32m5\x1b[0m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown()


@pytest.mark.parametrize(
    ("live_value", "git_value", "shown"),
    [
        ("3", 3, '"3" → 3'),
        ("", "x", '"" → x'),
        (None, "null", 'null → "null"'),
        (" a", "a", '" a" → a'),
        (["-v"], [], '["-v"] → []'),
        ("web:1", True, "web:1 → true"),
        ("\x1b[2J", "a", "\\u001b[2J → a"),
    ],
)
def test_values_cannot_be_taken_for_others(
    capsys: pytest.CaptureFixture[str], live_value: Any, git_value: Any, shown: str
) -> None:
    sides = {
        side: {"present": True, "value": value, "size": None}
        for side, value in (("live", live_value), ("desired", git_value))
    }
    item: Any = {"kind": "Thing", "name": "x", "sync": "OutOfSync", "fields": [{"path": "spec.a", **sides}]}
    differences.show([item], SystemClock().now())
    assert f"  spec.a   {shown}\n" in capsys.readouterr().out


def test_a_field_of_one_side_alone_says_so(cli: Cli, served: Served) -> None:
    ran = run(cli, served, drifted(a_config_map("s", {"a": "1"}), a_config_map("s", {"b": "2"})))
    assert 'data.a   (not there) → "1"' in ran.out
    assert 'data.b   "2" → (not there)' in ran.out


def test_S1_a_secret_is_shown_as_changed_without_its_values(cli: Cli, served: Served) -> None:
    before = dict(an_object("Secret", "login", data={"password": "Q0FOQVJZ"}))
    after = dict(an_object("Secret", "login", data={"password": "TkVXVkFMVUU="}))
    for more in ((), ("-o", "json"), ("-o", "yaml")):
        ran = run(cli, served, drifted(after, before), *more)
        assert ran.code == 1
        assert "Q0FOQVJZ" not in ran.out + ran.err
        assert "TkVXVkFMVUU=" not in ran.out + ran.err
        assert "++++++++" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to compare is named"),
        (("a", "b"), "several applications"),
        (("./a", "b"), "write ./b"),
        (("./a", "--app", "b"), "exclude each other"),
        (("./a", "--context", "x", "--cluster", "y"), "exclude each other"),
        (("a", "--context", "x"), "write ./a"),
        (("--app", "a", "-n", "prod"), "--namespace cannot be given with --app"),
    ],
)
def test_words_that_do_not_go_together_are_2(cli: Cli, words: tuple[str, ...], said: str) -> None:
    ran = cli("diff", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_without_a_daemon_it_is_2_and_a_folder_of_that_name_is_pointed_at(cli: Cli, tmp_path: Path) -> None:
    assert cli("diff", "shop").code == 2
    (tmp_path / "shop").mkdir()
    ran = cli("diff", "shop")
    assert ran.code == 2
    assert "gitopsd diff ./shop" in ran.err


def test_an_unknown_application_is_2(cli: Cli, served: Served) -> None:
    ran = cli("diff", "shop", "--socket", str(served.socket))
    assert ran.code == 2
    assert "there is no such application" in ran.err


def test_a_cluster_that_cannot_be_reached_or_read_is_2(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    ran = cli("diff", "./app", environ={"KUBECONFIG": str(tmp_path / "none")})
    assert ran.code == 2
    assert "no such file" in ran.err
    config = {"clusters": [{"name": "local", "server": "https://127.0.0.1:1", "token": "t"}]}
    (tmp_path / "gitopsd.yaml").write_text(yaml.safe_dump(config))
    ran = cli("diff", "./app", "--cluster", "local")
    assert ran.code == 2
    assert "cluster local" in ran.err
    ran = cli("diff", "./app", "--cluster", "other")
    assert ran.code == 2
    assert "other" in ran.err
    ran = cli("diff", "--app", "nothing")
    assert ran.code == 2
    assert "no application is named 'nothing'" in ran.err
