"""`gitopsd health`."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from gitopsd.cli.objects import ENGINE_BYTES
from gitopsd.render.engine import locate
from tests.cli.conftest import Cli

POD = "{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: shop}, status: {phase: PHASE}}\n"
CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, generation: 1, creationTimestamp: 2026-03-01T00:00:00Z}
spec: {replicas: 1}
status:
  observedGeneration: 1
  conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: stuck}]
"""


def pod(name: str, phase: str) -> str:
    return POD.replace("NAME", name).replace("PHASE", phase)


def test_the_answer_is_a_list_in_the_order_of_the_input(cli: Cli) -> None:
    Path("a.yaml").write_text(pod("b", "Succeeded") + "---\n" + CONFIG_MAP, encoding="utf-8")
    Path("b.json").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": []}), encoding="utf-8")
    Path("c.yaml").write_text(f"apiVersion: v1\nkind: PodList\nitems:\n- {pod('a', 'Pending')}", encoding="utf-8")
    ran = cli("health", "-f", "a.yaml", "-f", "b.json", "-f", "c.yaml", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert [list(each) for each in found] == [["apiVersion", "kind", "namespace", "name", "status", "message"]] * 3
    assert [(each["kind"], each["namespace"], each["name"], each["status"]) for each in found] == [
        ("Pod", "shop", "b", "Healthy"),
        ("ConfigMap", "", "settings", None),
        ("Pod", "shop", "a", "Progressing"),
    ]


def test_the_table_says_kind_and_name_code_and_message(cli: Cli) -> None:
    Path("a.yaml").write_text(DEPLOYMENT + "---\n" + CONFIG_MAP, encoding="utf-8")
    ran = cli("health", "-f", "a.yaml")
    heading, deployment, settings = ran.out.splitlines()
    assert heading.split() == ["NAMESPACE", "NAME", "HEALTH", "MESSAGE"]
    assert deployment.split()[:3] == ["shop", "Deployment/web", "Degraded"]
    assert settings.split() == ["-", "ConfigMap/settings", "-"]
    assert ran.code == 0


def test_times_stay_text(cli: Cli) -> None:
    Path("a.yaml").write_text(DEPLOYMENT, encoding="utf-8")
    assert json.loads(cli("health", "-f", "a.yaml", "-o", "json").out)[0]["status"] == "Degraded"


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Pending", 0), ("Failed", 1)])
def test_the_exit_code_tells_if_asked_to(cli: Cli, phase: str, code: int) -> None:
    Path("a.yaml").write_text(pod("a", phase), encoding="utf-8")
    assert cli("health", "-f", "a.yaml").code == 0
    assert cli("health", "-f", "a.yaml", "--exit-code").code == code


def test_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CONFIG_MAP.encode())))
    assert json.loads(cli("health", "-f", "-", "-o", "json").out)[0]["name"] == "settings"


def test_nothing_to_judge(cli: Cli) -> None:
    Path("a.yaml").write_text("# nothing\n", encoding="utf-8")
    ran = cli("health", "-f", "a.yaml")
    assert (ran.code, ran.out, ran.err) == (0, "", "no objects\n")
    assert cli("health", "-f", "a.yaml", "-o", "json").out == "[]\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [\n", "a.yaml"),
        ("apiVersion: v1\nmetadata: {}\n", "without kind"),
        ("kind: A\napiVersion: v1\nkind: B\n", "set twice"),
        ("kind: A\napiVersion: v1\nx: &a [*a]\n", "contains itself"),
        ("\x00", "a.yaml:1"),
        ("just text\n", "no Kubernetes object"),
        ("- 1\n", "a.yaml:1"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_place(cli: Cli, content: str | None, said: str) -> None:
    if content is not None:
        Path("a.yaml").write_text(content, encoding="utf-8")
    ran = cli("health", "-f", "a.yaml", "-o", "json")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_document_that_is_something_else_is_left_out_with_a_warning(cli: Cli) -> None:
    Path("a.yaml").write_text(f"{{values: 1}}\n---\n{CONFIG_MAP}", encoding="utf-8")
    ran = cli("health", "-f", "a.yaml", "-o", "json")
    assert (ran.code, len(json.loads(ran.out))) == (0, 1)
    assert ran.err.startswith("Warning: a.yaml:1: skipped")


def test_U2_a_python_tag_is_refused_by_its_name(cli: Cli) -> None:
    Path("a.yaml").write_text("kind: A\napiVersion: !!python/object/apply:os.system [id]\n", encoding="utf-8")
    ran = cli("health", "-f", "a.yaml")
    assert ran.code == 2
    assert "python/object/apply:os.system" in ran.err


def test_X7_names_and_messages_are_escaped(cli: Cli) -> None:
    evil = {"apiVersion": "v1", "kind": "Pod\x1b[2J", "metadata": {"name": "a\u202eb\r"}}
    Path("a.json").write_text(json.dumps(evil), encoding="utf-8")
    assert "Pod\\u001b[2J/a\\u202eb\\u000d" in cli("health", "-f", "a.json").out


def test_the_engine_reads_much_yaml_the_same_way(cli: Cli) -> None:
    if locate("", {}) is None:
        pytest.skip("the render engine is not built: run `make setup`")
    padding = f"# {'x' * 1000}\n"
    text = pod("a", "Failed") + "---\n" + DEPLOYMENT + "---\n" + CONFIG_MAP
    Path("small.yaml").write_text(text, encoding="utf-8")
    Path("large.yaml").write_text(text + padding * (ENGINE_BYTES // 1000 + 1), encoding="utf-8")
    assert cli("health", "-f", "large.yaml", "-o", "json") == cli("health", "-f", "small.yaml", "-o", "json")
    Path("large.yaml").write_text("kind: A\n" + padding * (ENGINE_BYTES // 1000 + 1), encoding="utf-8")
    ran = cli("health", "-f", "large.yaml")
    assert ran.code == 2
    assert "large.yaml:1" in ran.err


def a_case(name: str, phase: str, expected: str, message: str = "") -> str:
    more = f", gitopsd.io/expected-message: {message}" if message else ""
    annotations = f"annotations: {{gitopsd.io/expected-health: {expected}{more}}}"
    return pod(name, phase).replace("namespace: shop", annotations)


def test_cases_that_hold_are_counted_by_group(cli: Cli) -> None:
    none = "annotations: {gitopsd.io/expected-health: None}"
    widget = f"{{apiVersion: example.org/v1, kind: Widget, metadata: {{name: a, {none}}}}}"
    Path("a.yaml").write_text(
        a_case("a", "Succeeded", "Healthy") + "---\n" + a_case("b", "Pending", "Progressing") + "---\n" + widget,
        encoding="utf-8",
    )
    ran = cli("health", "--cases", "-f", "a.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["core", "2", "2"],
        ["example.org", "1", "1"],
        ["all", "3", "3"],
    ]


def test_a_case_that_does_not_hold_is_named(cli: Cli) -> None:
    Path("a.yaml").write_text(a_case("a", "Pending", "Healthy"), encoding="utf-8")
    ran = cli("health", "--cases", "-f", "a.yaml", "-o", "json")
    assert ran.code == 1
    assert json.loads(ran.out) == [{"group": "", "cases": 1, "asExpected": 0}]
    assert "core Pod/a: expected Healthy, found Progressing" in ran.err


def test_objects_that_are_no_cases_are_said_to_be_none(cli: Cli) -> None:
    Path("a.yaml").write_text(pod("a", "Pending"), encoding="utf-8")
    ran = cli("health", "--cases", "-f", "a.yaml")
    assert ran.code == 2
    assert "gitopsd.io/expected-health" in ran.err


def test_a_kind_of_an_operator_is_judged_by_its_bundled_table(cli: Cli) -> None:
    ready = "status: {conditions: [{type: Ready, status: 'False', reason: Expired, message: expired}]}"
    Path("a.yaml").write_text(
        f"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: a}}\n{ready}\n", encoding="utf-8"
    )
    found = json.loads(cli("health", "-f", "a.yaml", "-o", "json").out)
    assert (found[0]["status"], found[0]["message"]) == ("Degraded", "expired")


def test_rules_of_the_users_come_first(cli: Cli) -> None:
    if locate("", os.environ) is None:
        pytest.skip("the engine is not built: run `make setup`")
    script = Path("rules/_.example.org/Widget/health.lua")
    script.parent.mkdir(parents=True)
    script.write_text("return {status = 'Degraded', message = obj.metadata.name .. ' is broken'}", encoding="utf-8")
    Path("a.yaml").write_text("{apiVersion: a.example.org/v1, kind: Widget, metadata: {name: a}}", encoding="utf-8")
    found = json.loads(cli("health", "-f", "a.yaml", "--rules", "rules", "-o", "json").out)
    assert (found[0]["status"], found[0]["message"]) == ("Degraded", "a is broken")


def test_a_folder_of_tables_is_a_folder_of_rules_too(cli: Cli) -> None:
    Path("rules").mkdir()
    rule = "{when: {field: kind, exists: true}, health: Suspended}"
    table = f"group: example.org\nkinds: {{Widget: {{waiting: false, rules: [{rule}]}}}}"
    Path("rules/example.org.yaml").write_text(table, encoding="utf-8")
    Path("a.yaml").write_text("{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}}", encoding="utf-8")
    assert json.loads(cli("health", "-f", "a.yaml", "--rules", "rules", "-o", "json").out)[0]["status"] == "Suspended"


def test_a_folder_of_rules_that_is_not_there_is_named(cli: Cli) -> None:
    Path("a.yaml").write_text(CONFIG_MAP, encoding="utf-8")
    ran = cli("health", "-f", "a.yaml", "--rules", "nowhere")
    assert ran.code == 2
    assert "nowhere" in ran.err


def test_a_folder_without_any_rule_is_named(cli: Cli) -> None:
    Path("a.yaml").write_text(CONFIG_MAP, encoding="utf-8")
    Path("charts").mkdir()
    ran = cli("health", "-f", "a.yaml", "--rules", "charts")
    assert ran.code == 2
    assert "charts: no health rule is there" in ran.err
