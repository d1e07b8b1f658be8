"""Users' actions in Argo CD's folders and in its ConfigMap."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.core.errors import ConfigError
from gitopsd.core.ignore import KindPattern
from gitopsd.rules.actions_files import read_actions

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
data:
  application.instanceLabelKey: example
  resource.customizations.health.apps_Deployment: return {}
  resource.customizations.actions.apps_Deployment: |
    mergeBuiltinActions: true
    discovery.lua: |
      return {warm = {}}
    definitions:
    - name: warm
      action.lua: |
        return obj
  resource.customizations.actions.ConfigMap: |
    discovery.lua: return {}
  resource.customizations: |
    example.org/Widget:
      health.lua: return {}
      actions: |
        discovery.lua: return {old = {}}
        definitions:
        - name: old
          action.lua: return obj
"""


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(folder)


def test_a_folder_of_argo_cd_is_read_as_it_is(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "apps/Deployment/actions/discovery.lua": "discovery",
            "apps/Deployment/actions/restart/action.lua": "restart",
            "apps/Deployment/actions/scale/action.lua": "scale",
            "apps/Deployment/actions/testdata/deployment.yaml": "kind: Deployment",
            "apps/Deployment/actions/action_test.yaml": "actionTests: []",
            "apps/Deployment/health.lua": "health",
            "cert-manager.io/Certificate/health.lua": "health",
            "Service/actions/discovery.lua": "core",
            "_.crossplane.io/_/actions/discovery.lua": "any",
            "embed.go": "package resource_customizations",
        },
    )
    found = {rule.kinds: rule for rule in read_actions([folder])}
    assert found.keys() == {
        KindPattern("apps", "Deployment"),
        KindPattern("", "Service"),
        KindPattern("*.crossplane.io", "*"),
    }
    deployment = found[KindPattern("apps", "Deployment")]
    assert (deployment.discovery, deployment.merge_builtin) == ("discovery", False)
    assert deployment.definitions == (("restart", "restart"), ("scale", "scale"))
    assert deployment.where.endswith("apps/Deployment/actions")


def test_the_config_map_of_argo_cd_is_read_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"argocd-cm.yaml": CONFIG_MAP})
    found = {rule.kinds: rule for rule in read_actions([str(tmp_path / "argocd-cm.yaml")])}
    assert found.keys() == {
        KindPattern("apps", "Deployment"),
        KindPattern("", "ConfigMap"),
        KindPattern("example.org", "Widget"),
    }
    deployment = found[KindPattern("apps", "Deployment")]
    assert deployment.merge_builtin
    assert deployment.discovery.strip() == "return {warm = {}}"
    assert [name for name, _ in deployment.definitions] == ["warm"]
    assert deployment.where.endswith("argocd-cm.yaml: resource.customizations.actions.apps_Deployment")
    assert found[KindPattern("example.org", "Widget")].definitions == (("old", "return obj"),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("data: [", "no YAML"),
        ("resource.customizations.actions.apps_Deployment: 'a: ['", "no YAML"),
        ("resource.customizations.actions.apps_Deployment: ''", "cannot be used"),
        ("resource.customizations.actions.apps_: {discovery.lua: x}", "cannot be used"),
        ("resource.customizations.actions.apps_Deployment: {definitions: [{name: x}]}", "cannot be used"),
        ("x: !!python/object/apply:os.system [id]", "no YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str, words: str) -> None:
    write(tmp_path, {"cm.yaml": content})
    with pytest.raises(ConfigError, match=words) as caught:
        read_actions([str(tmp_path / "cm.yaml")])
    assert "cm.yaml" in caught.value.where


def test_what_is_not_there_or_too_large_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_actions([str(tmp_path / "missing")])
    script = tmp_path / "apps" / "Deployment" / "actions" / "discovery.lua"
    script.parent.mkdir(parents=True)
    for raw, words in ((b"x" * (256 * 1024 + 1), "larger"), (b"\xff\xfe", "UTF-8")):
        script.write_bytes(raw)
        with pytest.raises(ConfigError, match=words) as caught:
            read_actions([str(tmp_path)])
        assert caught.value.where == str(script)
