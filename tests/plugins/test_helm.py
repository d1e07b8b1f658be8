from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.plugin import RenderResult
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import EnginePool
from tests.plugins.folders import Kitchen, kitchen

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/values.yaml": "from: chart\nlist: [1]\nnested: {a: chart, b: chart}\n",
    "chart/templates/cm.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        "  namespace: {{ .Release.Namespace }}\n"
        "data:\n  values: {{ .Values | toJson | quote }}\n  version: {{ .Capabilities.KubeVersion.Version }}\n"
    ),
    "chart/crds/crd.yaml": (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: crd}\n"
    ),
    "chart/one.yaml": "from: one\n",
    "chart/two.yaml": "from: two\nnested: {a: two}\n",
    "shared/three.yaml": "from: three\n",
    "chart/note.txt": "the note",
}


def data(result: RenderResult) -> JsonObject:
    return next(mapping(each.body, "data") for each in result.manifests if each.gvk.kind == "ConfigMap")


async def values(here: Kitchen, options: JsonObject) -> JsonValue:
    found: JsonValue = json.loads(text(data(await here.render("chart", options)), "values"))
    return found


async def test_a_chart_is_rendered_with_the_applications_name_and_namespace(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        result = await here.render("chart")
    kinds = [(each.gvk.kind, each.name, each.namespace) for each in result.manifests]
    assert kinds == [("CustomResourceDefinition", "crd", ""), ("ConfigMap", "app", "ns")]
    assert data(result)["version"] == "v1.36.3"
    assert result.manifests[1].origin.file == "chart/templates/cm.yaml"
    assert result.uses_cluster


async def test_release_name_namespace_crds_and_kube_version_can_be_set(tmp_path: Path) -> None:
    options: JsonObject = {
        "releaseName": "mine",
        "namespace": "own",
        "skipCrds": True,
        "kubeVersion": "1.30.1",
        "apiVersions": ["x/v1"],
        "version": "v3",
        "passCredentials": True,
    }
    async with kitchen(tmp_path, CHART) as here:
        result = await here.render("chart", options)
    assert [(each.name, each.namespace) for each in result.manifests] == [("mine", "own")]
    assert data(result)["version"] == "v1.30.1"


async def test_values_take_precedence_as_in_argo_cd(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        options: dict[str, JsonValue] = {"valueFiles": ["one.yaml", "two.yaml"]}
        assert (await values(here, options)) == {"from": "two", "list": [1], "nested": {"a": "two", "b": "chart"}}
        options["valueFiles"] = ["two.yaml", "/shared/three.yaml"]
        assert mapping(await values(here, options))["from"] == "three"
        options["values"] = "from: values\nextra: yes\n"
        assert mapping(await values(here, options))["from"] == "values"
        assert mapping(await values(here, options))["extra"] is True
        options["valuesObject"] = {"from": "object"}
        assert mapping(await values(here, options))["from"] == "object"
        assert "extra" not in mapping(await values(here, options))
        options["parameters"] = [{"name": "from", "value": "$ARGOCD_APP_NAME"}]
        assert mapping(await values(here, options))["from"] == "app"
        options["parameters"] = [{"name": "from", "value": "1"}]
        assert mapping(await values(here, options))["from"] == 1
        options["parameters"] = [{"name": "from", "value": "1", "forceString": True}]
        assert mapping(await values(here, options))["from"] == "1"
        options["fileParameters"] = [{"name": "from", "path": "note.txt"}]
        assert mapping(await values(here, options))["from"] == "the note"


async def test_globs_and_missing_value_files(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        assert mapping(await values(here, {"valueFiles": ["t*.yaml", "/shared/*.yaml"]}))["from"] == "three"
        with pytest.raises(RenderError, match=r"nothing\.yaml"):
            await here.render("chart", {"valueFiles": ["nothing.yaml"]})
        lenient: JsonObject = {"valueFiles": ["nothing.yaml", "one.yaml"], "ignoreMissingValueFiles": True}
        assert mapping(await values(here, lenient))["from"] == "one"


@pytest.mark.parametrize(
    "file",
    [
        "../../b/values.yaml",
        "/../x",
        "/etc/../../passwd",
        "file:///etc/passwd",
        "link.yaml",
        "deep/../../../x",
        "out/*.yaml",
    ],
)
async def test_P1_value_files_outside_the_repository_are_refused(tmp_path: Path, file: str) -> None:
    links = {"chart/link.yaml": "→/etc/passwd", "chart/out": "→../.."}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "values.yaml").write_text("from: canary\n")
    async with kitchen(tmp_path / "repo", CHART | links) as here:
        for options in ({"valueFiles": [file]}, {"fileParameters": [{"name": "a", "path": file}]}):
            with pytest.raises(RenderError, match="leaves the repository"):
                await here.render("chart", options, renderer="helm")
        assert here.engine is not None
        assert here.engine.params == []


async def test_P1_an_absolute_value_file_is_a_path_of_the_repository(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        with pytest.raises(RenderError, match="does not exist in the repository"):
            await here.render("chart", {"valueFiles": ["/etc/passwd"]})


@pytest.mark.parametrize(
    "file", ["https://example.org/v.yaml", "http://169.254.169.254/", "s3::x", "$values/a.yaml", "$ref"]
)
async def test_E9_remote_value_files_and_other_sources_are_refused_without_a_request(tmp_path: Path, file: str) -> None:
    async with kitchen(tmp_path, CHART) as here:
        with pytest.raises(RenderError, match=r"not supported yet|leaves the repository"):
            await here.render("chart", {"valueFiles": [file]}, renderer="helm")
        assert here.engine is not None
        assert here.engine.params == []


async def test_P5_a_chart_cannot_reach_what_is_beside_its_repository(tmp_path: Path) -> None:
    (tmp_path / "victim/templates").mkdir(parents=True)
    (tmp_path / "victim/Chart.yaml").write_text("apiVersion: v2\nname: victim\nversion: 1.0.0\n")
    (tmp_path / "victim/values.yaml").write_text("secret: CANARY\n")
    dependency = "dependencies: [{name: victim, version: 1.0.0, repository: 'file://../../victim'}]\n"
    got = '{{ .Files.Get "../../victim/values.yaml" | quote }}'
    get = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{got: {got}}}\n"
    async with kitchen(tmp_path / "repo", CHART | {"chart/templates/cm.yaml": get}) as here:
        assert data(await here.render("chart"))["got"] == ""
    with_dependency = CHART | {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + dependency}
    async with kitchen(tmp_path / "other", with_dependency) as here:
        with pytest.raises(RenderError) as caught:
            await here.render("chart")
    assert "CANARY" not in str(caught.value)


async def test_a_chart_that_fails_names_file_and_line(tmp_path: Path) -> None:
    template = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ required "a name is needed" .Values.missing }}\n'
    async with kitchen(tmp_path, CHART | {"chart/templates/cm.yaml": template}) as here:
        with pytest.raises(RenderError, match="a name is needed") as caught:
            await here.render("chart")
    assert caught.value.where.startswith("chart/templates/cm.yaml:4")


async def test_Z3_an_empty_chart_is_an_error_and_the_next_render_works(tmp_path: Path) -> None:
    broken = {
        "empty/Chart.yaml": "",
        "null/Chart.yaml": "apiVersion: v2\nname: null\nversion: 1.0.0\ndependencies: null\n",
    }
    async with kitchen(tmp_path, CHART | broken) as here:
        for path in ("empty", "null"):
            with pytest.raises(RenderError):
                await here.render(path)
        assert await here.names("chart") == ["crd", "app"]


async def test_D4_an_endless_template_ends_at_its_deadline_and_hurts_no_other(tmp_path: Path) -> None:
    endless = {
        "endless/Chart.yaml": CHART["chart/Chart.yaml"],
        "endless/templates/a.yaml": "{{ range until 2000000000 }}{{ range until 2000000000 }}{{ end }}{{ end }}",
        "spin/Chart.yaml": CHART["chart/Chart.yaml"],
        "spin/templates/a.yaml": "{{- range $i := 100000000000 }}{{ end }}",
        "deep/Chart.yaml": CHART["chart/Chart.yaml"],
        "deep/templates/a.yaml": '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}',
    }
    async with kitchen(tmp_path, CHART | endless) as here:
        assert await here.names("chart") == ["crd", "app"]
        here.deadline = 0.5

        async def fails(path: str) -> None:
            with pytest.raises(RenderError):
                await here.render(path)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for path in ("endless", "spin", "deep"):
                    tasks.start_soon(fails, path)
            here.deadline = 20
            assert await here.names("chart") == ["crd", "app"]


async def test_an_engine_killed_in_the_middle_of_renders_loses_none(tmp_path: Path) -> None:
    found: list[list[str]] = []
    async with kitchen(tmp_path, CHART) as here:
        await here.render("chart")
        assert here.engine is not None
        pool = here.engine.engine
        assert isinstance(pool, EnginePool)

        async def render() -> None:
            found.append(await here.names("chart"))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(render)
            os.kill(pool.pids()[0], signal.SIGKILL)
    assert found == [["crd", "app"]] * 8


async def test_values_that_are_no_mapping_and_unknown_options_are_errors(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        for options, message in (
            ({"values": "- a\n"}, "expected YAML text that holds a mapping, got a list"),
            ({"values": "a: [\n"}, "source.helm.values is not valid YAML"),
            ({"valueFile": []}, "did you mean valueFiles"),
            ({"parameters": [{"nme": "x"}]}, r"source\.helm\.parameters\[0\]\.nme"),
        ):
            with pytest.raises(RenderError, match=message) as caught:
                await here.render("chart", options, renderer="helm")
            assert "CANARY" not in str(caught.value)


async def test_without_any_namespace_a_chart_sees_default_as_with_helm(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        result = await render_folder(here.manager.renderers(here.engine), str(here.root / "chart"), name="app")
    assert ("app", "default") in [(each.name, each.namespace) for each in result.manifests]
