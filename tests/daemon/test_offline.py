"""Rendering without a daemon, as a program that calls it sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.core.app import Source
from gitopsd.core.errors import GitopsdError, RenderError, SourceError, SpecError
from gitopsd.daemon.offline import render_app, render_path, render_source, setting
from gitopsd.ports.renderer import RenderTarget
from gitopsd.testing.gitserver import GitRepo

CONFIG = """\
clusters: [{{name: local, server: "https://127.0.0.1:1", token: t}}]
git: {{localRoots: [.]}}
applications:
  - name: shop
    source: {{repoURL: "{url}", targetRevision: {revision}, path: shop}}
    destination: {{name: local, namespace: prod}}
"""


def _refused(tmp_path: Path, url: str, revision: str = "main") -> GitopsdError:
    """How the render of the application ends: with an error of ours itself, in no group."""
    (tmp_path / "c.yaml").write_text(CONFIG.format(url=url, revision=revision), encoding="utf-8")
    where = setting({}, RenderTarget(), str(tmp_path / "c.yaml"))
    with pytest.raises(GitopsdError) as caught:
        render_app(where, "shop")
    return caught.value


def test_an_application_whose_repository_is_not_there(tmp_path: Path) -> None:
    error = _refused(tmp_path, (tmp_path / "none.git").as_uri())
    assert isinstance(error, SourceError)
    assert "none.git" in str(error)


def test_an_application_whose_revision_is_not_there(tmp_path: Path) -> None:
    repository = GitRepo(tmp_path / "shop.git")
    repository.commit({"shop/a.yaml": "a: 1\n"})
    error = _refused(tmp_path, repository.url, "mian")
    assert isinstance(error, SourceError)
    assert "did you mean main?" in error.hint


def test_an_application_whose_files_give_no_manifests(tmp_path: Path) -> None:
    repository = GitRepo(tmp_path / "shop.git")
    repository.commit({"shop/a.yaml": "apiVersion: v1\nkind: [\n"})
    error = _refused(tmp_path, repository.url)
    assert isinstance(error, RenderError)
    assert "shop/a.yaml" in str(error)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("project: closed", "values that restrict nothing (docs/moving-from-argocd.md#projects)"),
        ("project: none", "declare the project"),
        ("sourceHydrator: {drySource: {repoURL: https://git.example.org/a}, syncSource: {path: a}}", "leave these"),
    ],
)
def test_an_application_that_cannot_be_honoured_is_told_what_would_do(tmp_path: Path, entry: str, hint: str) -> None:
    text = (
        CONFIG.format(url="https://git.example.org/a", revision="main") + f"    {entry}\nprojects: [{{name: closed}}]\n"
    )
    if "Hydrator" in entry:
        text = "\n".join(line for line in text.splitlines() if "source:" not in line)
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    where = setting({}, RenderTarget(), str(tmp_path / "c.yaml"))
    with pytest.raises(SpecError) as caught:
        render_app(where, "shop")
    assert hint in caught.value.hint


def test_a_folder_and_a_source_that_are_not_there(tmp_path: Path) -> None:
    where = setting({}, RenderTarget())
    with pytest.raises(RenderError, match="is not a folder"):
        render_path(str(tmp_path / "nowhere"), where, name="shop")
    with pytest.raises(GitopsdError):
        render_source(where, Source((tmp_path / "none.git").as_uri(), "", "main"), name="shop")
