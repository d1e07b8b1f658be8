from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitopsd.core.errors import PluginError
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.offline import render_folder
from tests.plugins.third_party import json_lines

SOURCE = Path(__file__).with_name("json_lines.py")
LINES = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}\n{"apiVersion": "v1", "kind": "Pod"}\n'


def install(site: Path, monkeypatch: pytest.MonkeyPatch, text: str, module: str = "acme_json_lines") -> None:
    """What pip does for a package with an entry point."""
    info = site / f"{module}-2.1.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text(f"[gitopsd.plugins]\nacme = {module}\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "objects.jsonl").write_text(LINES)
    return str(tmp_path / "app")


async def test_a_renderer_registered_by_hand_is_chosen_by_its_marker(folder: str) -> None:
    manager = PluginManager()
    manager.register(json_lines, name="json-lines")
    result = await render_folder(manager.renderers(None), folder, name="app", renderer="json-lines")
    assert [(each.name, each.origin.line) for each in result.manifests] == [("a", 1), ("", 2)]


async def test_a_renderer_of_an_installed_package_is_found_and_chosen_by_its_marker(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, SOURCE.read_text())
    manager = PluginManager()
    assert manager.load_installed() == ()
    assert set(manager.names()) == {"acme", "command", "helm", "kustomize", "plain"}
    assert manager.versions()["acme"] == "2.1"
    result = await render_folder(manager.renderers(None), folder, name="app")
    assert len(result.manifests) == 2


def test_a_package_that_cannot_be_imported_is_named_and_the_others_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "raise RuntimeError('no licence')", "acme_broken")
    manager = PluginManager()
    (error,) = manager.load_installed()
    assert "'acme'" in error.what
    assert "no licence" in error.why
    assert manager.names() == ("command", "helm", "kustomize", "plain")


def test_a_misspelt_hook_is_an_error_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SOURCE.read_text().replace("def gitopsd_renderers", "def gitopsd_renderes")
    install(tmp_path / "site", monkeypatch, text, "acme_misspelt")
    (error,) = PluginManager().load_installed()
    assert "unknown hook 'gitopsd_renderes'" in error.why


def test_two_plugins_cannot_bring_one_name() -> None:
    class Twin:
        """Another module with the same renderer."""

        gitopsd_renderers = staticmethod(json_lines.gitopsd_renderers)

    manager = PluginManager()
    manager.register(json_lines, name="one")
    manager.register(Twin, name="two")
    with pytest.raises(PluginError, match="'json-lines'"):
        manager.renderers(None)
