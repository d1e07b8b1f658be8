from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import anyio
import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, string_map, text
from gitopsd.plugin import Given, Need, NeedKind, Read, ReadKind, RenderRequest, RenderResult
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import EnginePool
from gitopsd_helm.renderer import HelmRenderer
from tests.plugins.folders import Kitchen, kitchen, write

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


@dataclass
class Pantry:
    """A supply with `roots` of other sources, and `given` by the needs' names or URLs; it remembers what was asked."""

    roots: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Given] = field(default_factory=dict)
    asked: list[Need] = field(default_factory=list)

    async def get(self, need: Need) -> Given:
        self.asked.append(need)
        return self.given.get(need.name or need.url, Given(error=f"{need.name or need.url} is sold out"))


async def supplied(
    here: Kitchen,
    options: JsonObject,
    pantry: Pantry,
    *,
    seed: str = "",
    seed_time: int = 0,
    lookup: bool = False,
    environment: Mapping[str, str] = MappingProxyType({"ARGOCD_APP_NAME": "app", "KUBE_VERSION": "1.36.3"}),
) -> RenderResult:
    """What the chart gives with `pantry` at hand."""
    request = RenderRequest(
        app="app",
        namespace="ns",
        root=str(here.root),
        path="chart",
        options=options,
        environment=environment,
        deadline=here.deadline,
        supply=pantry,
        seed=seed,
        seed_time=seed_time,
        lookup=lookup,
    )
    return await HelmRenderer(here.engine).render(request)


def seen(result: RenderResult) -> JsonObject:
    return mapping(json.loads(text(data(result), "values")))


async def test_value_files_of_other_sources_with_variables_globs_and_file_parameters(tmp_path: Path) -> None:
    write(tmp_path / "other", {"env/app/1.yaml": "from: one\n", "env/app/2.yaml": "from: two\n", "k.txt": "KEY"})
    pantry = Pantry({"$values": str(tmp_path / "other")})
    options: JsonObject = {
        "valueFiles": ["$values/env/$ARGOCD_APP_NAME/*.yaml"],
        "fileParameters": [{"name": "key", "path": "$values/k.txt"}],
    }
    async with kitchen(tmp_path / "repo", CHART) as here:
        result = await supplied(here, options, pantry)
    assert (seen(result)["from"], seen(result)["key"]) == ("two", "KEY")
    assert result.reads is not None
    assert Read("env/app", ReadKind.DIR, "$values") in result.reads
    assert Read("k.txt", ReadKind.FILE, "$values") in result.reads


async def test_variables_are_put_in_before_globs_are_looked_at(tmp_path: Path) -> None:
    files = CHART | {"chart/star/1.yaml": "from: glob\n"}
    async with kitchen(tmp_path, files) as here:
        result = await supplied(here, {"valueFiles": ["$WHERE/*.yaml"]}, Pantry(), environment={"WHERE": "/chart/st*r"})
    assert seen(result)["from"] == "glob"


@pytest.mark.parametrize("file", ["$values/../x", "$values/link.yaml", "$values/out/*.yaml", "$values/a/../../x"])
async def test_P1_value_files_outside_of_another_source_are_refused(tmp_path: Path, file: str) -> None:
    write(tmp_path / "other", {"link.yaml": "→/etc/passwd", "out": "→../.."})
    pantry = Pantry({"$values": str(tmp_path / "other")})
    async with kitchen(tmp_path / "repo", CHART) as here:
        with pytest.raises(RenderError, match="leaves the repository") as caught:
            await supplied(here, {"valueFiles": [file], "ignoreMissingValueFiles": True}, pantry)
        assert repr(file) in caught.value.what
        assert here.engine is not None
        assert here.engine.params == []


async def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        for file in ("$values/a.yaml", "$values"):
            with pytest.raises(RenderError, match=r"the source \$values, which") as caught:
                await here.render("chart", {"valueFiles": [file]}, renderer="helm")
            assert "ref: values" in caught.value.hint
        with pytest.raises(RenderError, match="names no file"):
            await supplied(here, {"valueFiles": ["$values/"]}, Pantry({"$values": str(tmp_path)}))


async def test_value_files_of_the_web_come_through_the_supply(tmp_path: Path) -> None:
    url = "https://example.org/$ARGOCD_APP_NAME.yaml"
    options: JsonObject = {"valueFiles": [url, "one.yaml"], "fileParameters": [{"name": "f", "path": "http://h/f"}]}
    pantry = Pantry(
        given={"https://example.org/app.yaml": Given(content=b"web: 1\n"), "http://h/f": Given(content=b"F")}
    )
    async with kitchen(tmp_path, CHART) as here:
        found = seen(await supplied(here, options, pantry))
        assert (found["web"], found["from"], found["f"]) == (1, "one", "F")
        assert [each.kind for each in pantry.asked] == [NeedKind.HTTP] * 2
        with pytest.raises(RenderError, match=r"example\.org/app\.yaml is sold out"):
            await supplied(here, {**options, "ignoreMissingValueFiles": True}, Pantry())


@pytest.mark.parametrize("file", ["s3::x", "ftp://h/v.yaml", "git::https://h/v", "FILE:///etc/passwd", "data:,x://y"])
async def test_E9_value_files_of_other_schemes_are_refused_without_a_request(tmp_path: Path, file: str) -> None:
    pantry = Pantry()
    async with kitchen(tmp_path, CHART) as here:
        for options in ({"valueFiles": [file]}, {"fileParameters": [{"name": "a", "path": file}]}):
            with pytest.raises(RenderError, match="leaves the repository"):
                await supplied(here, options, pantry)
    assert pantry.asked == []


async def test_E9_credentials_are_never_taken_from_a_url_in_the_source(tmp_path: Path) -> None:
    pantry = Pantry()
    dependency = "dependencies: [{name: redis, version: 1.0.0, repository: 'https://u:CANARY@h/charts'}]\n"
    files = CHART | {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + dependency}
    async with kitchen(tmp_path, files) as here:
        for options in ({"valueFiles": ["https://u:CANARY@h/v.yaml"]}, {}):
            with pytest.raises(RenderError, match="carries credentials") as caught:
                await supplied(here, options, pantry)
            assert "CANARY" not in str(caught.value)
    assert pantry.asked == []


async def test_dependencies_that_charts_lacks_come_through_the_supply(tmp_path: Path) -> None:
    template = "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Chart.Name }}-{{ .Values.who }}}\n"
    write(
        tmp_path / "redis",
        {
            "Chart.yaml": "apiVersion: v2\nname: redis\nversion: 17.0.2\n",
            "values.yaml": "who: x\n",
            "templates/s.yaml": template,
        },
    )
    dependency = "dependencies: [{name: redis, version: ^17, repository: 'https://h/charts', alias: cache}]\n"
    files = CHART | {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + dependency}
    pantry = Pantry(given={"redis": Given(root=str(tmp_path / "redis"))})
    async with kitchen(tmp_path / "repo", files) as here:
        result = await supplied(here, {"values": "cache: {who: me}"}, pantry)
        assert "cache-me" in [each.name for each in result.manifests]
        assert pantry.asked == [Need(NeedKind.CHART, url="https://h/charts", name="redis", version="^17")]
        with pytest.raises(RenderError, match="redis is sold out") as caught:
            await supplied(here, {}, Pantry())
        assert caught.value.where == "chart/Chart.yaml"
    assert sorted(each.name for each in (tmp_path / "repo/chart").iterdir()) == sorted(
        {name.split("/")[1] for name in CHART if name.startswith("chart/")}
    )


async def test_tests_schemas_hooks_and_policies_are_as_told_and_stay_annotations(tmp_path: Path) -> None:
    hook = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: NAME\n"
        '  annotations: {"helm.sh/hook": HOOK, "helm.sh/hook-weight": "-5", "helm.sh/resource-policy": keep}\n'
    )
    files = CHART | {
        "chart/templates/hook.yaml": hook.replace("NAME", "hook").replace("HOOK", "pre-install"),
        "chart/templates/tests/t.yaml": hook.replace("NAME", "try").replace("HOOK", "test"),
        "chart/values.schema.json": '{"properties": {"from": {"type": "integer"}}}',
    }
    async with kitchen(tmp_path, files) as here:
        with pytest.raises(RenderError, match="chart: from: got string, want integer") as caught:
            await here.render("chart")
        assert (caught.value.where, "skipSchemaValidation" in caught.value.hint) == ("chart/values.schema.json", True)
        result = await here.render("chart", {"skipSchemaValidation": True})
        assert [each.name for each in result.manifests] == ["crd", "app", "hook", "try"]
        assert string_map(result.manifests[2].body, "metadata", "annotations") == {
            "helm.sh/hook": "pre-install",
            "helm.sh/hook-weight": "-5",
            "helm.sh/resource-policy": "keep",
        }
        assert await here.names("chart", {"skipSchemaValidation": True, "skipTests": True}) == ["crd", "app", "hook"]


RANDOM = CHART | {
    "chart/templates/s.yaml": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n"
        "  pw: {{ randAlphaNum 20 }}\n  at: {{ now | unixEpoch | quote }}\n"
    )
}


def secret(result: RenderResult) -> JsonObject:
    return next(mapping(each.body, "stringData") for each in result.manifests if each.gvk.kind == "Secret")


async def test_random_values_follow_the_applications_seed_and_are_told(tmp_path: Path) -> None:
    async with kitchen(tmp_path, RANDOM) as here:
        first = await supplied(here, {}, Pantry(), seed="ab" * 32, seed_time=1_700_000_000)
        again = await supplied(here, {}, Pantry(), seed="ab" * 32, seed_time=1_700_000_000)
        other = await supplied(here, {}, Pantry(), seed="cd" * 32, seed_time=1_700_000_000)
        free = [secret(await supplied(here, {}, Pantry()))["pw"] for _ in range(2)]
    assert first.manifests == again.manifests
    assert secret(first)["at"] == "1700000000"
    assert len({secret(first)["pw"], secret(other)["pw"], *free}) == 4
    assert first.random == ("chart/templates/s.yaml: now", "chart/templates/s.yaml: randAlphaNum")


async def test_E6_lookup_finds_nothing_unless_it_is_switched_on(tmp_path: Path) -> None:
    template = (
        '{{- $s := lookup "v1" "Secret" "kube-system" "x" }}\n'
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {found: {{ $s | toJson | quote }}}\n"
    )
    pantry = Pantry(given={"x": Given(content=b'{"data":{"a":"b"}}')})
    async with kitchen(tmp_path, CHART | {"chart/templates/s.yaml": template}) as here:
        assert secret(await supplied(here, {}, pantry))["found"] == "{}"
        assert pantry.asked == []
        assert json.loads(text(secret(await supplied(here, {}, pantry, lookup=True)), "found")) == {"data": {"a": "b"}}
        wanted = Need(NeedKind.LOOKUP, name="x", api_version="v1", object_kind="Secret", namespace="kube-system")
        assert pantry.asked == [wanted]
        with pytest.raises(RenderError, match="x is sold out"):
            await supplied(here, {}, Pantry(), lookup=True)


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
