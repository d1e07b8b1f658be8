"""`projects` and AppProject manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import Config, ConfigErrors, load
from gitopsd.core.ids import Position
from gitopsd.core.project import (
    DestinationServiceAccount,
    IgnoredOrphan,
    Impersonation,
    OrphanedResources,
    Project,
)
from gitopsd.core.window import SyncWindow, WindowKind
from tests.config.writing import LOCAL, loaded

OPEN = (
    "sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}], "
    "clusterResourceWhitelist: [{group: '*', kind: '*'}]"
)
APPS = (
    "applications:\n"
    "  - {name: shop, project: web, source: {repoURL: 'https://git.example.org/a.git', path: a}, "
    "destination: {name: local, namespace: shop}}\n"
)


def with_project(folder: Path, fields: str) -> Config:
    """A configuration with the project web, which has these fields, and an application of it."""
    return loaded(folder, f"{LOCAL}projects:\n  - {{name: web, {fields}}}\n{APPS}")


def test_N3_what_a_project_allows_of_namespaces_is_read(tmp_path: Path) -> None:
    config = with_project(tmp_path, f"{OPEN}, allowedNamespaceMetadata: ['pod-security.kubernetes.io/*']")
    assert config.projects.declared["web"].namespace_metadata == ("pod-security.kubernetes.io/*",)
    assert with_project(tmp_path, OPEN).projects.declared["web"].namespace_metadata == ()
    with pytest.raises(ConfigErrors, match=r"allowedNamespaceMetadata\[1\]"):
        with_project(tmp_path, f"{OPEN}, allowedNamespaceMetadata: [a, '{{a,b}}']")


def test_a_project_of_the_main_file(tmp_path: Path) -> None:
    config = with_project(
        tmp_path,
        f"{OPEN}, description: The web team, orphanedResources: {{ignore: [{{group: '*', kind: Job, name: 'a-*'}}]}}, "
        "destinationServiceAccounts: [{server: '*', namespace: 'web-*', defaultServiceAccount: 'ci:deployer'}]",
    )
    assert config.projects.declared["web"] == Project(
        "web",
        "The web team",
        OrphanedResources(warn=True, ignore=(IgnoredOrphan("*", "Job", "a-*"),)),
        (DestinationServiceAccount("*", "web-*", "ci:deployer"),),
        position=Position(f"{tmp_path}/gitopsd.yaml", 3, 12),
    )
    assert config.applications[0].unsupported == ()
    assert config.warnings == ()


def test_a_project_of_a_manifest_beside_its_applications(tmp_path: Path) -> None:
    manifest = (
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\n"
        "metadata: {name: web, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}\n"
        f"spec: {{{OPEN}, orphanedResources: {{warn: false}}, roles: [], syncWindows: null}}\n"
        "status: {jwtTokensByRole: {}}\n"
    )
    config = loaded(tmp_path, f"{LOCAL}include: [p.yaml]\n{APPS}", **{"p.yaml": manifest})
    assert config.projects.declared["web"].orphaned == OrphanedResources(warn=False)
    assert config.applications[0].unsupported == ()


def test_projects_come_in_lists_too(tmp_path: Path) -> None:
    listed = (
        "apiVersion: v1\nkind: List\nitems:\n"
        f"- {{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: web}}, spec: {{{OPEN}}}}}\n"
    )
    config = loaded(tmp_path, f"{LOCAL}include: [p.yaml]\n{APPS}", **{"p.yaml": listed})
    assert set(config.projects.declared) == {"web"}


@pytest.mark.parametrize(
    "fields",
    [
        f"{OPEN}, namespaceResourceWhitelist: [{{group: '*', kind: '*'}}]",
        OPEN.replace("['*']", "['https://a', '*']").replace("server: '*'", "name: '*'"),
        f"{OPEN}, clusterResourceBlacklist: [], namespaceResourceBlacklist: [], namespaceResourceWhitelist: null",
        f"{OPEN}, roles: [], syncWindows: [], signatureKeys: [], sourceIntegrity: {{}}, sourceNamespaces: ['*']",
        f"{OPEN}, permitOnlyProjectScopedClusters: false",
    ],
)
def test_what_restricts_nothing_is_accepted(tmp_path: Path, fields: str) -> None:
    assert with_project(tmp_path, fields).projects.declared["web"].unenforced == ()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("sourceRepos: ['https://a']", "sourceRepos"),
        ("sourceRepos: ['*', '!https://a']", "sourceRepos"),
        ("sourceRepos: []", "sourceRepos (without entries it allows nothing)"),
        ("destinations: [{server: '*', namespace: web}]", "destinations"),
        ("destinations: [{server: '*', name: production, namespace: '*'}]", "destinations"),
        ("destinations: [{namespace: '*'}]", "destinations"),
        ("destinations: [{server: '*', namespace: '*'}, {server: '*', namespace: '!kube-*'}]", "destinations"),
        ("clusterResourceWhitelist: [{group: '', kind: Namespace}]", "clusterResourceWhitelist"),
        ("clusterResourceWhitelist: [{group: '*', kind: '*', name: 'a-*'}]", "clusterResourceWhitelist"),
        ("clusterResourceBlacklist: [{group: '', kind: Node}]", "clusterResourceBlacklist"),
        ("namespaceResourceWhitelist: []", "namespaceResourceWhitelist (without entries it allows nothing)"),
        ("namespaceResourceWhitelist: [{group: '', kind: ConfigMap}]", "namespaceResourceWhitelist"),
        ("namespaceResourceBlacklist: [{group: '', kind: Secret}]", "namespaceResourceBlacklist"),
        ("roles: [{name: ci, policies: ['p, proj:web:ci, applications, sync, web/*, allow']}]", "roles"),
        ("signatureKeys: [{keyID: ABCDEF0123456789}]", "signatureKeys"),
        ("sourceIntegrity: {git: {policies: []}}", "sourceIntegrity"),
        ("sourceNamespaces: [team]", "sourceNamespaces"),
        ("permitOnlyProjectScopedClusters: true", "permitOnlyProjectScopedClusters"),
    ],
)
def test_a_restriction_is_never_accepted_silently(tmp_path: Path, fields: str, named: str) -> None:
    allowed = {part.split(":", 1)[0]: part for part in OPEN.split("], ")}
    rest = [f"{part.rstrip(']')}]" for key, part in allowed.items() if not fields.startswith(f"{key}:")]
    config = with_project(tmp_path, ", ".join([fields, *rest]))
    assert config.projects.declared["web"].unenforced == (named,)
    place = f"{tmp_path}/gitopsd.yaml:3:12"
    why = f"project 'web': restrictions are not enforced by this version: {named} ({place})"
    assert config.applications[0].unsupported == (why,)
    assert config.warnings == (
        f"{place}: project web cannot be used: restrictions are not enforced by this version: {named}",
        f"{tmp_path}/gitopsd.yaml:5:12: shop is shown and left as it is: {why}",
    )


def test_default_may_be_declared_and_then_restricts_too(tmp_path: Path) -> None:
    text = f"{LOCAL}projects: [{{name: default, sourceRepos: [https://a]}}]\n{APPS.replace('project: web, ', '')}"
    assert "sourceRepos" in loaded(tmp_path, text).applications[0].unsupported[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("sourceRepo: ['*']", "unknown key projects[0].sourceRepo: expected one of"),
        ("orphanedResources: {warn: maybe}", "projects[0].orphanedResources.warn"),
        (
            "orphanedResources: {ignore: [{name: '{a,b}'}]}",
            "projects[0].orphanedResources.ignore[0].name cannot be used: expected a glob of *, ? and [a-z]",
        ),
        (
            "destinationServiceAccounts: [{server: '!a', namespace: '*', defaultServiceAccount: a}]",
            "projects[0].destinationServiceAccounts[0].server cannot be used",
        ),
        (
            "destinationServiceAccounts: [{server: '*', namespace: '*', defaultServiceAccount: ''}]",
            "projects[0].destinationServiceAccounts[0].defaultServiceAccount cannot be used",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, fields: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        with_project(tmp_path, f"{OPEN}, {fields}")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["Web", "a/b", "", "../x"])
def test_a_name_is_one_of_kubernetes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigErrors, match=r"projects\[0\].name cannot be used"):
        loaded(tmp_path, f"{LOCAL}projects: [{{name: '{name}', {OPEN}}}]\n")


def test_an_included_project_cannot_take_the_place_of_one_of_the_main_file(tmp_path: Path) -> None:
    manifest = f"apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: web}}\nspec: {{{OPEN}}}\n"
    main = f"{LOCAL}include: [p.yaml]\nprojects: [{{name: web, {OPEN}}}]\n{APPS}"
    with pytest.raises(ConfigErrors, match=r"metadata.name: another project is called web.*gitopsd.yaml:3:19"):
        loaded(tmp_path, main, **{"p.yaml": manifest})


@pytest.mark.parametrize(
    "wrong",
    [
        "{sourceRepo: []}",
        f"{{{OPEN}, orphanedResources: {{ignore: [{{name: '!a'}}]}}}}",
    ],
)
def test_D7_a_default_that_is_wrong_is_not_taken_for_one_that_allows_everything(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "p.yaml").write_text(
        f"apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: default}}\nspec: {wrong}\n"
    )
    main = tmp_path / "gitopsd.yaml"
    main.write_text(f"{LOCAL}include: [p.yaml]\n{APPS.replace('project: web, ', '')}")
    config = load(str(main), environ={}, keep_going=True)
    assert len(config.errors) == 1
    assert config.applications[0].unsupported


def test_how_impersonation_is_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, LOCAL).projects.impersonation == Impersonation(enabled=False, enforced=True)
    text = f"{LOCAL}sync: {{impersonation: {{enabled: true, enforced: false}}}}\n"
    assert loaded(tmp_path, text).projects.impersonation == Impersonation(enabled=True, enforced=False)


def test_sync_windows(tmp_path: Path) -> None:
    config = with_project(
        tmp_path,
        f"{OPEN}, syncWindows: [{{kind: deny, schedule: ' 0  22 * * *', duration: 8h, timeZone: Europe/Berlin, "
        "applications: ['*-prod'], namespaces: [shop], clusters: [east], andOperator: true, manualSync: true, "
        "syncOverrun: true, description: nights}, "
        "{kind: allow, schedule: '* * * * *', duration: 1h, applications: ['*']}]",
    )
    assert config.projects.declared["web"].windows == (
        SyncWindow(
            WindowKind.DENY,
            "0 22 * * *",
            28800.0,
            "Europe/Berlin",
            applications=("*-prod",),
            namespaces=("shop",),
            clusters=("east",),
            and_operator=True,
            manual_sync=True,
            sync_overrun=True,
            description="nights",
        ),
        SyncWindow(WindowKind.ALLOW, "* * * * *", 3600.0, applications=("*",)),
    )
    assert config.applications[0].unsupported == ()
    assert config.warnings == ()


def test_a_window_that_means_no_application_is_a_warning(tmp_path: Path) -> None:
    window = "{kind: deny, schedule: '0 22 * * *', duration: 8h}"
    (warning,) = with_project(tmp_path, f"{OPEN}, syncWindows: [{window}]").warnings
    assert "projects[0].syncWindows[0] means no application" in warning


def test_a_project_with_a_window_that_cannot_be_used_cannot_be_used(tmp_path: Path) -> None:
    manifest = (
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: web}\n"
        f"spec: {{{OPEN}, syncWindows: [{{kind: deny, schedule: '@daily', duration: 8h, applications: ['*']}}]}}\n"
    )
    (tmp_path / "p.yaml").write_text(manifest)
    (tmp_path / "gitopsd.yaml").write_text(f"{LOCAL}include: [p.yaml]\n{APPS}")
    config = load(str(tmp_path / "gitopsd.yaml"), environ={}, keep_going=True)
    assert "spec.syncWindows[0].schedule cannot be used: expected five fields" in str(config.errors[0])
    assert config.projects.refusal("web")
