"""`projects` and AppProject manifests, as `Project`s; what they forbid and nobody enforces yet is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.project import ProjectDestination, ProjectKind, ProjectSpec
from gitopsd.config.names import EXPECTED_NAME, is_name
from gitopsd.config.validation import shown_path
from gitopsd.config.windows import EXPECTED_GLOB, is_glob, windows_of
from gitopsd.core.errors import SpecError
from gitopsd.core.project import DestinationServiceAccount, IgnoredOrphan, OrphanedResources, Project
from gitopsd.core.serviceaccount import ServiceAccount

_BROKEN: Final = "its declaration has errors"
_ANY: Final = frozenset({"*", "**"})


@dataclass(frozen=True, slots=True)
class WrittenProject:
    """A project whose shape is right: its model, and the key paths of its name and its spec."""

    name: str
    spec: ProjectSpec
    document: Document
    name_path: KeyPath
    spec_path: KeyPath


def projects_of(written: Sequence[WrittenProject], problems: Problems) -> dict[str, Project]:
    """The projects by name; what is wrong with one is noted, and nobody can use it then: not even `default`."""
    found: dict[str, Project] = {}
    for item in written:
        errors_before = len(problems)
        project = _project(item, problems)
        if item.name in found:
            problems.add(
                project.position,
                f"{shown_path(item.name_path)}: another project is called {item.name[:253]}",
                why=f"it stands at {found[item.name].position}",
            )
        if len(problems) > errors_before:
            project = replace(project, unenforced=(_BROKEN,))
        elif project.unenforced:
            problems.warn(
                project.position,
                f"project {item.name[:253]} cannot be used: restrictions are not enforced by this version: "
                f"{', '.join(project.unenforced)}",
            )
        found.setdefault(item.name, project)
    return found


def _project(item: WrittenProject, problems: Problems) -> Project:
    if not is_name(item.name):
        position = item.document.position(item.name_path)
        problems.add(position, f"{shown_path(item.name_path)} cannot be used", why=EXPECTED_NAME)
    return Project(
        name=item.name,
        description=item.spec.description,
        orphaned=_orphaned(item, problems),
        accounts=tuple(_accounts(item, problems)),
        windows=windows_of(item.spec.sync_windows, item.document, (*item.spec_path, "syncWindows"), problems),
        unenforced=tuple(_unenforced(item.spec)),
        position=item.document.position(item.name_path),
        allowed_namespace_metadata=_namespace_metadata(item, problems),
    )


def _namespace_metadata(item: WrittenProject, problems: Problems) -> tuple[str, ...] | None:
    globs = item.spec.allowed_namespace_metadata
    for index, glob in enumerate(globs or ()):
        _check_glob(glob, ("allowedNamespaceMetadata", index), item, problems)
    return None if globs is None else tuple(globs)


def _orphaned(item: WrittenProject, problems: Problems) -> OrphanedResources | None:
    model = item.spec.orphaned_resources
    if model is None:
        return None
    for index, ignore in enumerate(model.ignore):
        for key, glob in (("group", ignore.group), ("kind", ignore.kind), ("name", ignore.name)):
            _check_glob(glob, ("orphanedResources", "ignore", index, key), item, problems)
    return OrphanedResources(
        model.warn, tuple(IgnoredOrphan(ignore.group, ignore.kind, ignore.name) for ignore in model.ignore)
    )


def _accounts(item: WrittenProject, problems: Problems) -> Iterator[DestinationServiceAccount]:
    for index, model in enumerate(item.spec.destination_service_accounts):
        here: KeyPath = ("destinationServiceAccounts", index)
        _check_glob(model.server, (*here, "server"), item, problems)
        _check_glob(model.namespace, (*here, "namespace"), item, problems)
        account = model.default_service_account
        place, colon, name = account.rpartition(":")
        try:
            ServiceAccount(place if colon else "default", name)
        except SpecError as error:
            _refuse((*here, "defaultServiceAccount"), str(error.what), item, problems)
        yield DestinationServiceAccount(model.server, model.namespace, account)


def _check_glob(glob: str, path: KeyPath, item: WrittenProject, problems: Problems) -> None:
    if not is_glob(glob):
        _refuse(path, EXPECTED_GLOB, item, problems)


def _refuse(path: KeyPath, why: str, item: WrittenProject, problems: Problems) -> None:
    whole = (*item.spec_path, *path)
    problems.add(item.document.position(whole), f"{shown_path(whole)} cannot be used", why=why)


def _unenforced(spec: ProjectSpec) -> Iterator[str]:
    """The fields that forbid something. A list that is missing or empty allows nothing, but for the whitelist of kinds
    in namespaces, of which only an empty one does.
    """
    if not _ANY.intersection(spec.source_repos) or any(repo.startswith("!") for repo in spec.source_repos):
        yield _said("sourceRepos", spec.source_repos)
    if not any(map(_is_everywhere, spec.destinations)) or any(map(_is_denied, spec.destinations)):
        yield _said("destinations", spec.destinations)
    if not any(map(_is_every_kind, spec.cluster_resource_whitelist)):
        yield _said("clusterResourceWhitelist", spec.cluster_resource_whitelist)
    whitelist = spec.namespace_resource_whitelist
    if "namespace_resource_whitelist" in spec.model_fields_set and not any(map(_is_every_kind, whitelist)):
        yield _said("namespaceResourceWhitelist", whitelist)
    forbidding = {
        "clusterResourceBlacklist": spec.cluster_resource_blacklist,
        "namespaceResourceBlacklist": spec.namespace_resource_blacklist,
        "roles": spec.roles,
        "signatureKeys": spec.signature_keys,
        "sourceIntegrity": spec.source_integrity,
        "permitOnlyProjectScopedClusters": spec.permit_only_project_scoped_clusters,
    }
    yield from (name for name, given in forbidding.items() if given)
    if spec.source_namespaces and not _ANY.intersection(spec.source_namespaces):
        yield "sourceNamespaces"


def _said(name: str, given: Sequence[object]) -> str:
    return name if given else f"{name} (without entries it allows nothing)"


def _is_everywhere(item: ProjectDestination) -> bool:
    return item.namespace in _ANY and bool(_ANY & {item.server, item.name}) and {item.server, item.name} <= {"", *_ANY}


def _is_denied(item: ProjectDestination) -> bool:
    return any(glob.startswith("!") for glob in (item.server, item.name, item.namespace))


def _is_every_kind(item: ProjectKind) -> bool:
    return item.group in _ANY and item.kind in _ANY and item.name in {"", *_ANY}
