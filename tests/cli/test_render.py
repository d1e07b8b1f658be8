"""`gitopsd render`, in processes of their own: it sets up the log."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from gitopsd.render.engine import locate
from gitopsd.testing.gitserver import GitRepo
from tests.cli.conftest import GITOPSD, Ran

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "values.yaml": "who: {name: nobody, at: home}\n",
    "templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: '{{ .Release.Name }}', namespace: '{{ .Release.Namespace }}'}\n"
        "data:\n  who: '{{ .Values.who.name }} at {{ .Values.who.at }}'\n"
        "  version: '{{ .Capabilities.KubeVersion }}'\n"
        "  shop: '{{ .Capabilities.APIVersions.Has \"example.org/v1/Shop\" }}'\n"
    ),
}
AWKWARD = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: awkward}
data: {yes-word: "yes", octal: "0777", time: "12:30:45", script: "set -e\\nrun\\n", "on": "off", escape: "\\e[2J"}
"""
needs_engine = pytest.mark.skipif(locate("", os.environ) is None, reason="the render engine is not built")


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


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


@pytest.mark.parametrize("url", ["https://me:secret@git.example.org/shop.git", "git@git.example.org:shop.git"])
def test_a_url_is_no_folder_and_what_to_do_instead_is_said(tmp_path: Path, url: str) -> None:
    ran = render(tmp_path, url)
    assert (ran.code, ran.out) == (2, "")
    assert "git.example.org" in ran.err
    assert "is a URL, not a folder" in ran.err
    assert "--repo URL" in ran.err
    assert "secret" not in ran.err


def test_what_is_printed_is_what_the_files_say(tmp_path: Path) -> None:
    written(tmp_path / "app", {"a.yaml": AWKWARD, "b.yaml": AWKWARD.replace("awkward", "other")})
    ran = render(tmp_path, "app")
    assert (ran.code, ran.err) == (0, "")
    first, second = yaml.safe_load_all(ran.out)
    assert first == yaml.safe_load(AWKWARD)
    assert second == {**first, "metadata": {"name": "other"}}
    assert "  script: |\n    set -e\n    run\n" in ran.out
    assert "\x1b" not in ran.out
    assert json.loads(render(tmp_path, "app", "-o", "json").out) == list(yaml.safe_load_all(ran.out))


@needs_engine
def test_a_chart_gets_name_namespace_values_and_the_clusters_version(tmp_path: Path) -> None:
    written(tmp_path / "My_Chart", CHART)
    written(tmp_path, {"one.yaml": "who: {name: one}\n", "two.yaml": "who: {name: two}\nother: [1]\n"})
    found = yaml.safe_load(render(tmp_path, "My_Chart").out)
    assert found["metadata"]["name"] == "my-chart"
    assert found["data"]["who"] == "nobody at home"
    asked = ["--name", "shop", "-n", "prod", "--kube-version", "1.30.1", "--api-versions", "a/v1,example.org/v1/Shop"]
    values = ["-f", "one.yaml", "--values", "two.yaml", "--set", "who.at=work, or not"]
    found = yaml.safe_load(render(tmp_path, "My_Chart", *asked, *values).out)
    assert found["metadata"] == {"name": "shop", "namespace": "prod"}
    assert found["data"] == {"who": "two at work, or not", "version": "v1.30.1", "shop": "true"}


@needs_engine
def test_a_chart_that_fails_says_where(tmp_path: Path) -> None:
    written(tmp_path / "chart", CHART | {"templates/b.yaml": 'a\n{{ fail "not like this" }}\n'})
    ran = render(tmp_path, "chart")
    assert (ran.code, ran.out) == (1, "")
    assert "templates/b.yaml:2" in ran.err
    assert "not like this" in ran.err


@pytest.mark.parametrize("values", ["a: [", "- a\n", "a: 1\na: 2\n"])
def test_values_that_are_none_are_wrong_usage(tmp_path: Path, values: str) -> None:
    written(tmp_path, {"v.yaml": values})
    ran = render(tmp_path, ".", "-f", "v.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "v.yaml" in ran.err


def config(repository: str, extra: str = "") -> str:
    return f"""\
clusters: [{{name: local, server: "https://127.0.0.1:1", token: t}}]
git: {{localRoots: [.]}}
applications:
  - name: shop
    source: {{repoURL: "{repository}", targetRevision: main, path: shop{extra}}}
    destination: {{name: local, namespace: prod}}
"""


@needs_engine
def test_an_application_is_rendered_from_its_repository_without_a_cluster(tmp_path: Path) -> None:
    repository = GitRepo(tmp_path / "shop.git")
    repository.commit({f"shop/{name}": text for name, text in CHART.items()})
    options = ", helm: {valuesObject: {who: {name: git}}}"
    written(tmp_path, {"gitopsd.yaml": config(repository.url, options)})
    ran = render(tmp_path, "--app", "shop")
    assert (ran.code, ran.err) == (0, "")
    found = yaml.safe_load(ran.out)
    assert found["metadata"] == {"name": "shop", "namespace": "prod"}
    assert found["data"]["who"] == "git at home"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gitopsd.yaml", "shop.git"]


def test_an_application_beside_a_running_daemon_leaves_its_state_alone(tmp_path: Path) -> None:
    repository = GitRepo(tmp_path / "shop.git")
    repository.commit({"shop/a.yaml": AWKWARD})
    written(tmp_path, {"c.yaml": config(repository.url), "state/lock": "held by somebody else\n"})
    assert render(tmp_path, "--app", "shop", "--config", "c.yaml").code == 0
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock"]


def test_an_application_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, {"c.yaml": config((tmp_path / "none.git").as_uri())})
    ran = render(tmp_path, "--app", "shpo", "--config", "c.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "did you mean shop?" in ran.err


def test_a_repository_that_is_not_there_is_an_error_with_its_address(tmp_path: Path) -> None:
    written(tmp_path, {"c.yaml": config((tmp_path / "none.git").as_uri())})
    ran = render(tmp_path, "--app", "shop", "--config", "c.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "none.git" in ran.err
    assert "Traceback" not in ran.err


def test_a_configuration_that_cannot_be_used_is_wrong_usage(tmp_path: Path) -> None:
    written(tmp_path, {"c.yaml": "clutsers: []\n"})
    assert render(tmp_path, "--app", "shop", "--config", "c.yaml").code == 2
    assert render(tmp_path, "--app", "shop").code == 2
