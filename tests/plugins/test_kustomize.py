from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.plugin import Given, Need, NeedKind, RenderRequest, RenderResult
from gitopsd.render.pool import EnginePool
from gitopsd_kustomize.options import kustomize_params
from gitopsd_kustomize.renderer import KustomizeRenderer
from tests.plugins.folders import engine_binary, kitchen, write

DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    "spec:\n  replicas: 1\n  selector: {matchLabels: {a: b}}\n"
    "  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: nginx:1}]}\n"
)
FILES = {
    "base/kustomization.yaml": "resources: [deploy.yaml]\n",
    "base/deploy.yaml": DEPLOYMENT,
    "overlay/kustomization.yml": "resources: [../base]\nnamePrefix: own-\n",
    "component/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {component: here}\n"
    ),
}


async def test_an_overlay_is_rendered_with_its_base_and_all_reads_are_known(tmp_path: Path) -> None:
    async with kitchen(tmp_path, FILES) as here:
        result = await here.render("overlay")
    assert [each.name for each in result.manifests] == ["own-web"]
    paths = {read.path for read in result.reads or () if read.kind == "file"}
    assert paths >= {"base/deploy.yaml", "base/kustomization.yaml", "overlay/kustomization.yml"}
    assert not result.uses_cluster


async def test_the_options_do_what_kustomize_edit_does(tmp_path: Path) -> None:
    options: JsonObject = {
        "namePrefix": "pre-",
        "nameSuffix": "-suf",
        "namespace": "elsewhere",
        "images": ["nginx=registry.example.org/nginx:2"],
        "replicas": [{"name": "web", "count": "4"}],
        "commonLabels": {"team": "red"},
        "labelWithoutSelector": True,
        "commonAnnotations": {"app": "$ARGOCD_APP_NAME", "price": "$$5"},
        "commonAnnotationsEnvsubst": True,
        "patches": [
            {"target": {"kind": "Deployment"}, "patch": '[{"op": "add", "path": "/spec/paused", "value": true}]'}
        ],
        "components": ["../component"],
        "version": "v5.0.0",
    }
    async with kitchen(tmp_path, FILES) as here:
        (found,) = (await here.render("overlay", options, renderer="kustomize")).manifests
    body = found.body
    assert found.name == "pre-web-suf"
    assert found.namespace == "elsewhere"
    assert text(body, "metadata", "labels", "team") == "red"
    assert dict(found.annotations) == {"app": "app", "price": "$5", "component": "here"}
    assert "registry.example.org/nginx:2" in str(body)
    assert "'replicas': 4" in str(body)
    assert "'paused': True" in str(body)


async def test_a_missing_base_is_an_error_that_names_it(tmp_path: Path) -> None:
    files = {"app/kustomization.yaml": "resources: [../nothing]\n"}
    async with kitchen(tmp_path, files) as here:
        with pytest.raises(RenderError, match="nothing") as caught:
            await here.render("app")
    assert "app/kustomization.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "component",
    [
        "https://github.com/a/b?ref=--upload-pack=touch",
        "https://user:password@example.org/a/b",
        "git::x",
        "file:///etc",
        "git@-oProxyCommand=x:a/b",
    ],
)
async def test_E1_odd_remote_components_are_refused(tmp_path: Path, component: str) -> None:
    async with kitchen(tmp_path, FILES) as here:
        with pytest.raises(RenderError, match="refused") as caught:
            await here.render("overlay", {"components": [component]}, renderer="kustomize")
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("component", ["../../..", "/../x", "../component/../../.."])
async def test_P1_components_and_patches_outside_of_the_repository_never_reach_the_engine(
    tmp_path: Path, component: str
) -> None:
    async with kitchen(tmp_path, FILES) as here:
        for options in ({"components": [component]}, {"patches": [{"path": component}]}):
            with pytest.raises(RenderError, match="leaves the repository"):
                await here.render("overlay", options, renderer="kustomize")
        assert here.engine is not None
        assert here.engine.params == []


@pytest.mark.parametrize(
    "flag",
    [
        "--enable-exec",
        "--enable-alpha-plugins",
        "--enable-star",
        "--helm-command",
        "--helm-command=./run.sh",
        "--network",
        "--mount",
        "--env",
        "-e",
        "-o",
        "--output=/etc/passwd",
        "../other",
        "https://github.com/a/b",
    ],
)
async def test_E11_build_options_that_run_or_reach_something_are_refused_by_name(tmp_path: Path, flag: str) -> None:
    async with kitchen(tmp_path, FILES) as here:
        with pytest.raises(RenderError, match=r"source\.kustomize\.buildOptions") as caught:
            await here.render("overlay", {"buildOptions": f"--enable-helm {flag} x"}, renderer="kustomize")
        assert here.engine is not None
        assert here.engine.params == []
    assert repr(flag.partition("=")[0]) in str(caught.value)


async def test_E11_there_is_no_option_for_functions(tmp_path: Path) -> None:
    async with kitchen(tmp_path, FILES) as here:
        with pytest.raises(RenderError, match=r"source\.kustomize\.enableExec is not an option"):
            await here.render("overlay", {"enableExec": True}, renderer="kustomize")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (False, "rootOnly", "v1.36.3", ("v1", "apps/v1"))),
        ({"enableHelm": True, "loadRestrictor": "none"}, (True, "none", "v1.36.3", ("v1", "apps/v1"))),
        ({"loadRestrictor": "LoadRestrictionsNone"}, (False, "none", "v1.36.3", ("v1", "apps/v1"))),
        (
            {"buildOptions": "--enable-helm --load-restrictor LoadRestrictionsNone --as-current-user"},
            (True, "none", "v1.36.3", ("v1", "apps/v1")),
        ),
        (
            {"buildOptions": "--load-restrictor=LoadRestrictionsNone --enable-helm=false --helm-debug --reorder none"},
            (False, "none", "v1.36.3", ("v1", "apps/v1")),
        ),
        (
            {"buildOptions": "--helm-kube-version 1.30.0 --helm-api-versions a/v1,b/v1 --helm-api-versions=c/v1"},
            (False, "rootOnly", "1.30.0", ("a/v1", "b/v1", "c/v1")),
        ),
        (
            {
                "buildOptions": "--enable-helm --load-restrictor LoadRestrictionsNone --helm-kube-version 1.30.0",
                "enableHelm": False,
                "loadRestrictor": "rootOnly",
                "kubeVersion": "1.31.0",
                "apiVersions": ["d/v1"],
            },
            (False, "rootOnly", "1.31.0", ("d/v1",)),
        ),
    ],
)
def test_the_fields_count_before_build_options(
    options: JsonObject, expected: tuple[bool, str, str, tuple[str, ...]]
) -> None:
    request = RenderRequest(
        "app", "ns", "/nowhere", ".", options, kube_version="v1.36.3", api_versions=("v1", "apps/v1")
    )
    params = kustomize_params(request)
    found = (params["enable_helm"], params["load_restrictor"], params["kube_version"], params["api_versions"])
    assert found == expected


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loadRestrictor": "all"}, "loadRestrictor: expected rootOnly or none, got 'all'"),
        ({"buildOptions": "--load-restrictor all"}, "buildOptions: --load-restrictor: expected rootOnly or none"),
        ({"buildOptions": "--load-restrictor"}, "--load-restrictor needs a value"),
        ({"buildOptions": "--enable-helm=maybe"}, "--enable-helm: expected true or false"),
        ({"buildOptions": "--enable-hlem"}, "did you mean --enable-helm"),
        ({"enableHelm": "yes"}, "enableHelm: expected true or false"),
    ],
)
def test_wrong_build_options_are_named(options: JsonObject, says: str) -> None:
    with pytest.raises(RenderError) as caught:
        kustomize_params(RenderRequest("app", "ns", "/nowhere", ".", options))
    assert says in f"{caught.value} {caught.value.hint}"


CHART = {
    "app/kustomization.yaml": (
        "helmCharts: [{name: web, releaseName: mine, valuesInline: {color: red}}]\nnamePrefix: p-\n"
    ),
    "app/charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "app/charts/web/values.yaml": "color: blue\n",
    "app/charts/web/templates/conf.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
        "data: {color: '{{ .Values.color }}', kube: '{{ .Capabilities.KubeVersion }}'}\n"
    ),
}


async def test_charts_are_rendered_where_helm_is_enabled(tmp_path: Path) -> None:
    async with kitchen(tmp_path, CHART) as here:
        with pytest.raises(RenderError, match="not enabled") as caught:
            await here.render("app")
        for options in ({"enableHelm": True}, {"buildOptions": "--enable-helm"}):
            result = await here.render("app", options, renderer="kustomize")
            (found,) = result.manifests
            assert found.name == "p-mine"
            assert text(found.body, "data", "color") == "red"
            assert text(found.body, "data", "kube") == "v1.36.3"
            assert result.uses_cluster
    assert "kustomize.enableHelm: true" in str(caught.value.hint)


async def test_variables_stand_in_images_and_labels(tmp_path: Path) -> None:
    options: JsonObject = {
        "images": ["nginx:$ARGOCD_APP_NAME"],
        "commonLabels": {"app": "${ARGOCD_APP_NAME}"},
        "commonAnnotations": {"price": "$5"},
    }
    async with kitchen(tmp_path, FILES) as here:
        (found,) = (await here.render("overlay", options, renderer="kustomize")).manifests
    assert "nginx:app" in str(found.body)
    assert text(found.body, "metadata", "labels", "app") == "app"
    assert text(found.body, "metadata", "annotations", "price") == "$5"


async def test_a_version_of_kustomize_is_a_warning(tmp_path: Path) -> None:
    async with kitchen(tmp_path, FILES) as here:
        result = await here.render("overlay", {"version": "v4.5.7"}, renderer="kustomize")
    assert any("source.kustomize.version has no effect" in warning for warning in result.warnings)


@dataclass
class Shop:
    """A supply that gives what it has and remembers what it was asked for."""

    goods: Mapping[Need, Given]
    roots: Mapping[str, str] = field(default_factory=dict)
    asked: list[Need] = field(default_factory=list)

    async def get(self, need: Need) -> Given:
        self.asked.append(need)
        return self.goods.get(need, Given(error=f"{need.url} cannot be had: it is gone", hint="look for it"))


async def rendered_with(shop: Shop, root: Path, path: str, options: JsonObject) -> RenderResult:
    async with EnginePool([engine_binary()]) as pool:
        renderer = KustomizeRenderer(pool)
        return await renderer.render(RenderRequest("app", "ns", str(root), path, options, supply=shop))


async def test_remote_bases_charts_and_files_come_from_the_supply(tmp_path: Path) -> None:
    write(
        tmp_path / "own",
        {
            "app/kustomization.yaml": (
                "resources: ['git@example.org:a/base.git//over?ref=v1', https://example.org/crd.yaml]\n"
                "helmCharts: [{name: web, repo: 'https://charts.example.org', version: 1.0.0, releaseName: r}]\n"
            )
        },
    )
    write(tmp_path / "base", {"over/kustomization.yaml": "resources: [../x]\nnamePrefix: over-\n"} | BASE)
    write(tmp_path / "chart", {name.removeprefix("app/charts/web/"): text for name, text in CHART.items()})
    base = Need(NeedKind.GIT, url="git@example.org:a/base.git", version="v1")
    file = Need(NeedKind.HTTP, url="https://example.org/crd.yaml")
    chart = Need(NeedKind.CHART, url="https://charts.example.org", name="web", version="1.0.0")
    shop = Shop(
        {
            base: Given(root=str(tmp_path / "base")),
            file: Given(content=b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-web}\n"),
            chart: Given(root=str(tmp_path / "chart")),
        }
    )
    result = await rendered_with(shop, tmp_path / "own", "app", {"enableHelm": True})
    assert sorted(each.name for each in result.manifests) == ["from-web", "over-x", "r"]
    assert sorted(shop.asked) == sorted([base, file, chart])
    assert {read.path for read in result.reads or ()} >= {"app/kustomization.yaml"}


BASE = {
    "x/kustomization.yaml": "resources: [x.yaml]\n",
    "x/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
}


async def test_a_remote_base_that_cannot_be_had_is_the_renders_error(tmp_path: Path) -> None:
    write(tmp_path, {"app/kustomization.yaml": "resources: ['https://git.example.org/a/b//c?ref=v1']\n"})
    with pytest.raises(RenderError, match="it is gone") as caught:
        await rendered_with(Shop({}), tmp_path, "app", {})
    assert "app/kustomization.yaml" in str(caught.value)
    assert caught.value.hint == "look for it"


async def test_without_the_engine_it_says_so(tmp_path: Path) -> None:
    async with kitchen(tmp_path, FILES, engine=False) as here:
        with pytest.raises(RenderError, match="Kustomize needs the render engine"):
            await here.render("overlay")
