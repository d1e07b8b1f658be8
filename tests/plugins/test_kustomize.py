from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, text
from tests.plugins.folders import kitchen

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
        "git@example.org:a/b.git",
        "git::x",
        "file:///etc",
        "../../..",
        "/../x",
    ],
)
async def test_E1_P1_components_that_are_remote_or_outside_never_reach_the_engine(
    tmp_path: Path, component: str
) -> None:
    async with kitchen(tmp_path, FILES) as here:
        for options in ({"components": [component]}, {"patches": [{"path": component}]}):
            with pytest.raises(RenderError, match=r"remote|leaves the repository"):
                await here.render("overlay", options, renderer="kustomize")
        assert here.engine is not None
        assert here.engine.params == []


@pytest.mark.parametrize("flag", ["buildOptions", "enableHelm", "enableExec", "loadRestrictor"])
async def test_E11_build_flags_are_not_reachable_from_an_application(tmp_path: Path, flag: str) -> None:
    async with kitchen(tmp_path, FILES) as here:
        with pytest.raises(RenderError, match=rf"source\.kustomize\.{flag} is not an option"):
            await here.render("overlay", {flag: "--enable-exec"}, renderer="kustomize")


async def test_without_the_engine_it_says_so(tmp_path: Path) -> None:
    async with kitchen(tmp_path, FILES, engine=False) as here:
        with pytest.raises(RenderError, match="Kustomize needs the render engine"):
            await here.render("overlay")
