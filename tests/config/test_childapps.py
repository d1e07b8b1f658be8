"""`Application` manifests from git, as applications."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import Config, ConfigErrors, child_application
from gitopsd.core.app import AppSpec, Automated, Dependency
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.manifest import Manifest
from tests.config.writing import LOCAL, loaded

PLACE = Position("apps/shop.yaml", 7, 1)
URL = "https://git.example.org/a.git"


def written(metadata: JsonObject | None = None, source: JsonObject | None = None, **spec: JsonValue) -> Manifest:
    """The manifest of an application shop, as a renderer gives it."""
    whole: JsonObject = {
        "project": "default",
        "source": {"repoURL": URL, "path": "shop", **(source or {})},
        "destination": {"name": "local", "namespace": "shop"},
        **spec,
    }
    body: JsonObject = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd", **(metadata or {})},
        "spec": whole,
    }
    return Manifest(body, PLACE)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with one cluster."""
    return loaded(tmp_path, LOCAL, {"TOKEN": "hunter2"})


def read(manifest: Manifest, config: Config) -> AppSpec:
    """The application."""
    return child_application(manifest, config.surroundings)


def test_a_manifest_means_what_it_means_in_an_included_file(config: Config, tmp_path: Path) -> None:
    manifest = written(
        {"finalizers": ["resources-finalizer.argocd.argoproj.io"], "labels": {"team": "shop"}},
        syncPolicy={"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]},
        dependsOn=["database"],
    )
    app = read(manifest, config)
    assert (app.name, app.project, app.position) == ("shop", "default", PLACE)
    assert app.sync_policy.automated == Automated(prune=True)
    assert app.finalizers == ("resources-finalizer.argocd.argoproj.io",)
    assert app.depends_on == (Dependency(app=AppName("database")),)
    text = f"""
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop}}
spec: {{project: default, source: {{repoURL: '{URL}', path: shop}}, destination: {{name: local, namespace: shop}}}}
"""
    included = loaded(tmp_path, f"{LOCAL}include: [app.yaml]\n", **{"app.yaml": text}).applications[0]
    plain = read(written(), config)
    assert (plain.sources, plain.destination, plain.tracking) == (
        included.sources,
        included.destination,
        included.tracking,
    )


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (written(destination={"name": "elsewhere"}), "the cluster elsewhere is not configured"),
        (written(synchPolicy={}), "synchPolicy"),
        (written({"name": "Shop_1"}), r"metadata\.name cannot be used"),
        (written(syncPolicy={"syncOptions": ["CreateNamespaces=true"]}), "CreateNamespaces"),
        (written(source={"repoURL": "./apps"}), "relative path"),
        (written(source={"repoURL": "../../apps"}), "relative path"),
        (written(source={"repoURL": "/srv/git/secret"}), r"git\.localRoots"),
        (written(source={"repoURL": "file:///srv/git/secret"}), r"git\.localRoots"),
        (written(source={"path": "../other"}), "path"),
        (written(destination={}), "neither of server and name"),
        (Manifest({**written().body, "apiVersion": "argoproj.io/v2"}, PLACE), "apiVersion"),
        (Manifest({**written().body, "spec": []}, PLACE), "spec"),
    ],
)
def test_what_is_wrong_is_said_with_the_place_of_the_manifest(config: Config, manifest: Manifest, why: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"(?s)apps/shop\.yaml:7:1.*{why}"):
        read(manifest, config)


def test_nothing_of_the_environment_gets_into_it(config: Config) -> None:
    app = read(written({"annotations": {"note": "${TOKEN}"}}), config)
    assert app.annotations == {"note": "${TOKEN}"}


def test_an_application_of_a_project_that_nobody_defined_is_not_synced(config: Config) -> None:
    app = read(written(project="team"), config)
    assert app.unsupported == ("project 'team' is not defined (known: default)",)


def test_a_manifest_of_unknown_origin_is_named_by_its_file_alone(config: Config) -> None:
    with pytest.raises(ConfigErrors, match=r"^chart: "):
        read(Manifest(written(destination={}).body, Position("chart")), config)
