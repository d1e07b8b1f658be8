"""Command plugins of a configuration, rendering applications from git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gitopsd.daemon.offline import render_app, setting
from gitopsd.ports.renderer import RenderTarget
from gitopsd.testing.gitserver import GitRepo

PLUGINS = """\
plugins:
  - file: cmp.yaml
  - name: lines
    generate:
      command: [sed, 's/.*/{apiVersion: v1, kind: ConfigMap, metadata: {name: &}}\\n---/', names.txt]
    discover: {fileName: names.txt}
"""
CMP = """\
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: revision}
spec:
  version: v1
  init: {command: [sh, -c], args: ['echo "$ARGOCD_APP_REVISION" > revision']}
  generate:
    command: [sh, -c]
    args:
      - |
        cat <<END
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: $ARGOCD_APP_NAME, namespace: $ARGOCD_APP_NAMESPACE}
        data: {revision: "$(cat revision)", url: $ARGOCD_APP_SOURCE_REPO_URL, foo: $ARGOCD_ENV_FOO}
        END
"""


def rendered(folder: Path, repository: GitRepo, source: str) -> Sequence[str]:
    (folder / "cmp.yaml").write_text(CMP)
    (folder / "gitopsd.yaml").write_text(
        "clusters: [{name: local, server: 'https://127.0.0.1:1', token: t}]\ngit: {localRoots: [.]}\n"
        f"{PLUGINS}applications:\n  - name: shop\n    destination: {{name: local, namespace: prod}}\n"
        f"    source: {{repoURL: '{repository.url}', targetRevision: main, path: app{source}}}\n"
    )
    found = render_app(setting({}, RenderTarget(), str(folder / "gitopsd.yaml")), "shop")
    assert not [each.name for each in folder.iterdir() if each.name == "state"]
    return [f"{found.renderers[0]}:{each.name}:{each.body.get('data')}" for each in found.manifests]


@pytest.fixture
def repository(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "shop.git")
    made.commit({"app/names.txt": "a\nb\n", "other/x.yaml": ""})
    return made


def test_an_application_names_argo_cds_own_plugin(tmp_path: Path, repository: GitRepo) -> None:
    source = ", plugin: {name: revision-v1, env: [{name: FOO, value: $ARGOCD_APP_NAME!}]}"
    (found,) = rendered(tmp_path, repository, source)
    assert found.startswith("revision-v1:shop:")
    assert f"'revision': '{repository.git('rev-parse', 'main').strip()}'" in found
    assert "'foo': 'shop!'" in found


@pytest.mark.parametrize("source", ["", ", plugin: {}", ", plugin: {name: lines}"])
def test_an_application_gets_the_plugin_that_discovers_its_folder(
    tmp_path: Path, repository: GitRepo, source: str
) -> None:
    assert rendered(tmp_path, repository, source) == ["lines:a:None", "lines:b:None"]


def test_overrides_in_git_choose_a_plugin_that_is_declared(tmp_path: Path, repository: GitRepo) -> None:
    override = "plugin: {name: revision-v1, env: [{name: FOO, value: from-git}]}\n"
    repository.commit({"app/names.txt": "a\n", "app/.argocd-source-shop.yaml": override})
    (found,) = rendered(tmp_path, repository, "")
    assert "'foo': 'from-git'" in found
