"""Automation as it is configured: dependencies, rollback, limits, and what holds for all syncs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import Config, load
from gitopsd.config.sync_options import KNOWN
from gitopsd.core.app import AutoRollback, Dependency, OnImmutable, RetryPolicy, SyncPolicy
from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.ids import GVK, AppName, GroupKind
from gitopsd.core.plan import PROTECTED
from gitopsd.core.syncoptions import OF_APPLICATIONS, OF_OBJECTS
from tests.config.writing import LOCAL, application, loaded

SOURCE = "source: {repoURL: 'https://git.example.org/a.git', path: a}"
DATABASE = f"  - {{name: database, {SOURCE}, destination: {{name: local}}}}\n"


def waiting(folder: Path, fields: str, more: str = DATABASE, keep_going: bool = False) -> Config:
    """The application shop with these fields (flow style), and the others of `more`."""
    text = f"{LOCAL}applications:\n  - {{name: shop, {SOURCE}, destination: {{name: local}}, {fields}}}\n{more}"
    (folder / "gitopsd.yaml").write_text(text)
    return load(str(folder / "gitopsd.yaml"), environ={}, keep_going=keep_going)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{}", SyncPolicy()),
        ("{onImmutable: recreate}", SyncPolicy(on_immutable=OnImmutable.RECREATE)),
        ("{onImmutable: fail}", SyncPolicy(on_immutable=OnImmutable.FAIL)),
        ("{autoRollback: true}", SyncPolicy(auto_rollback=AutoRollback(300.0))),
        ("{autoRollback: false}", SyncPolicy()),
        ("{autoRollback: {}}", SyncPolicy(auto_rollback=AutoRollback(300.0))),
        ("{autoRollback: {within: 90s}}", SyncPolicy(auto_rollback=AutoRollback(90.0))),
        ("{pruneLimit: 25%}", SyncPolicy(prune_limit=0.25)),
        ("{pruneLimit: 0.1}", SyncPolicy(prune_limit=0.1)),
        ("{pruneLimit: 1}", SyncPolicy(prune_limit=1.0)),
        ("{retry: {limit: 3, refresh: false}}", SyncPolicy(retry=RetryPolicy(3, 5.0, 2.0, 180.0))),
    ],
)
def test_a_sync_policy(tmp_path: Path, written: str, meant: SyncPolicy) -> None:
    assert application(tmp_path, f"{SOURCE}\nsyncPolicy: {written}").sync_policy == meant


@pytest.mark.parametrize(
    "option",
    [
        "Delete=false",
        "Delete=confirm",
        "Force=true",
        "Prune=confirm",
        "Replace=true",
        "ServerSideApply=false",
        "ApplyOutOfSyncOnly=true",
        "Validate=false",
    ],
)
def test_every_sync_option_is_honoured(tmp_path: Path, option: str) -> None:
    app = application(tmp_path, f"{SOURCE}\nsyncPolicy: {{syncOptions: [{option}]}}")
    name, _, value = option.partition("=")
    assert app.sync_policy.options == {name: value}
    assert app.unsupported == ()


@pytest.mark.parametrize(
    ("written", "kept"), [("", 10), ("revisionHistoryLimit: 0", 0), ("revisionHistoryLimit: 3", 3)]
)
def test_how_many_past_syncs_are_kept(tmp_path: Path, written: str, kept: int) -> None:
    assert application(tmp_path, f"{SOURCE}\n{written}").revision_history_limit == kept


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ("dependsOn: [database]", Dependency(AppName("database"))),
        ("dependsOn: [{app: database}]", Dependency(AppName("database"))),
        ("dependsOn: ['database@1a2b3c4']", Dependency(AppName("database"), "1a2b3c4")),
        ("dependsOn: [{app: database, revision: v1.2.0}]", Dependency(AppName("database"), "v1.2.0")),
        ("annotations: {gitopsd.io/depends-on: database}", Dependency(AppName("database"))),
        ("annotations: {gitopsd.io/depends-on: ' database@1a2b3c4 ,'}", Dependency(AppName("database"), "1a2b3c4")),
        (
            "dependsOn: [{apiVersion: apps/v1, kind: Deployment, namespace: db, name: pg}]",
            Dependency(gvk=GVK("apps", "v1", "Deployment"), namespace="db", name="pg"),
        ),
        (
            "dependsOn: [{apiVersion: v1, kind: Node, name: one, ready: 'object.spec.unschedulable != true'}]",
            Dependency(gvk=GVK("", "v1", "Node"), name="one", ready="object.spec.unschedulable != true"),
        ),
    ],
)
def test_what_an_application_waits_for(tmp_path: Path, fields: str, meant: Dependency) -> None:
    assert waiting(tmp_path, fields).applications[0].depends_on == (meant,)


def test_field_and_annotation_count_together_and_each_once(tmp_path: Path) -> None:
    config = waiting(
        tmp_path,
        "dependsOn: [database, cache], annotations: {gitopsd.io/depends-on: 'cache,queue,database'}",
        DATABASE + DATABASE.replace("database", "cache") + DATABASE.replace("database", "queue"),
    )
    assert [str(item) for item in config.applications[0].depends_on] == ["database", "cache", "queue"]


def test_a_manifest_of_argo_cd_waits_by_its_annotation(tmp_path: Path) -> None:
    manifest = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        "metadata: {name: shop, annotations: {gitopsd.io/depends-on: database}}\n"
        f"spec: {{{SOURCE}, destination: {{name: local}}}}\n"
    )
    config = loaded(tmp_path, f"{LOCAL}include: [shop.yaml]\napplications:\n{DATABASE}", **{"shop.yaml": manifest})
    shop = next(app for app in config.applications if app.name == "shop")
    assert shop.depends_on == (Dependency(AppName("database")),)


def test_applications_that_wait_for_one_another_keep_no_other_from_work(tmp_path: Path) -> None:
    config = waiting(
        tmp_path,
        "dependsOn: [database]",
        DATABASE.replace("destination", "dependsOn: [shop], destination")
        + DATABASE.replace("name: database", "name: report, dependsOn: [shop]"),
        keep_going=True,
    )
    assert [app.name for app in config.applications] == ["report"]
    (error,) = config.errors
    assert "shop (" in error.why
    assert "database (" in error.why


def test_a_circle_hides_no_name_that_is_unknown(tmp_path: Path) -> None:
    config = waiting(
        tmp_path,
        "dependsOn: [database]",
        DATABASE.replace("destination", "dependsOn: [shop], destination")
        + DATABASE.replace("name: database", "name: report, dependsOn: [databse]"),
        keep_going=True,
    )
    assert config.applications == ()
    told = [str(error) for error in config.errors]
    assert len(told) == 2
    assert "waits for an application that waits for it" in told[0]
    assert "there is no application databse" in told[1]


def test_of_an_application_whose_dependency_has_errors_only_these_are_told(tmp_path: Path) -> None:
    broken = DATABASE.replace("destination: {name: local}", "destination: {name: lokal}")
    config = waiting(tmp_path, "dependsOn: [database]", broken, keep_going=True)
    assert [app.name for app in config.applications] == ["shop"]
    (error,) = config.errors
    assert "the cluster lokal is not configured" in str(error)


def test_a_dependency_on_nobody_keeps_no_other_from_work(tmp_path: Path) -> None:
    config = waiting(tmp_path, "dependsOn: [databse]", keep_going=True)
    assert [app.name for app in config.applications] == ["database"]
    assert "there is no application databse" in str(config.errors[0])


def test_what_holds_for_all_syncs(tmp_path: Path) -> None:
    settings = loaded(tmp_path, LOCAL).sync
    assert settings.timeout_seconds == 0
    assert settings.hook_timeout_seconds is None
    assert settings.protected_kinds == {
        GroupKind("", "Namespace"),
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
        GroupKind("", "PersistentVolumeClaim"),
    }
    assert settings.breaker == BreakerSettings(600.0, 0.2, 50, 0.5, 10, 60.0)


def test_what_is_protected_unless_it_is_written_is_what_plans_protect(tmp_path: Path) -> None:
    assert loaded(tmp_path, LOCAL).sync.protected_kinds == PROTECTED


def test_options_of_applications_are_those_that_objects_are_told_they_cannot_have() -> None:
    assert set(KNOWN) - set(OF_OBJECTS) == OF_APPLICATIONS


def test_all_of_it_can_be_chosen(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"{LOCAL}sync:\n  timeout: 1h\n  hookTimeout: 10m\n  protectedKinds: [apps/StatefulSet, Secret]\n"
        "  circuitBreaker: {within: 5m, pruneLimit: 10%, pruneObjects: 20, failedLimit: 0.25, failedApplications: 5,\n"
        "    probeInterval: 30s}\n",
    ).sync
    assert settings.timeout_seconds == 3600.0
    assert settings.hook_timeout_seconds == 600.0
    assert settings.protected_kinds == {GroupKind("apps", "StatefulSet"), GroupKind("", "Secret")}
    assert settings.breaker == BreakerSettings(300.0, 0.1, 20, 0.25, 5, 30.0)


def test_a_circuit_breaker_can_be_left_out(tmp_path: Path) -> None:
    assert loaded(tmp_path, f"{LOCAL}sync: {{circuitBreaker: {{enabled: false}}}}").sync.breaker is None
