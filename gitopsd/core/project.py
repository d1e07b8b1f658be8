"""Projects: Argo CD's `AppProject`, as far as this version goes by it.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/projects/ and `AppProject` v1alpha1; accounts as in
https://argo-cd.readthedocs.io/en/stable/operator-manual/app-sync-using-impersonation/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import SpecError, shown_url
from gitopsd.core.ids import NOWHERE, ObjectKey, Position
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.core.window import SyncWindow

DEFAULT_PROJECT: Final = "default"
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class IgnoredOrphan:
    """Objects that nobody has to know: globs; `group` "" is the core group, `kind` and `name` "" are any."""

    group: str = ""
    kind: str = ""
    name: str = ""

    def fits(self, key: ObjectKey) -> bool:
        """Whether it means this object."""
        return (
            fnmatchcase(key.group, self.group)
            and (not self.kind or fnmatchcase(key.kind, self.kind))
            and (not self.name or fnmatchcase(key.name, self.name))
        )


@dataclass(frozen=True, slots=True)
class OrphanedResources:
    """That objects in a destination's namespace which belong to nobody shall be found; `warn`: with a condition."""

    warn: bool = True
    ignore: tuple[IgnoredOrphan, ...] = ()


@dataclass(frozen=True, slots=True)
class DestinationServiceAccount:
    """As whom is synced into the destinations that the globs `server` and `namespace` mean.

    `account` is `namespace:name`, or the name of an account in the destination's namespace.
    """

    server: str
    namespace: str
    account: str

    def fits(self, server: str, namespace: str) -> bool:
        """Whether it means this destination."""
        return fnmatchcase(server, self.server) and fnmatchcase(namespace, self.namespace)


@dataclass(frozen=True, slots=True)
class Project:
    """One project. `position` is where it is written.

    `allowed_namespace_metadata` are globs of the labels and annotations that its applications may give to namespaces,
    of those that are for a project to allow (`namespace_rules`); None is what is usual: everything for `default`,
    nothing for others. `unenforced` names what restricts it and this version does not enforce: such a project lets
    nobody do anything, because leaving a restriction out would allow what its owner forbade.
    """

    name: str
    description: str = ""
    orphaned: OrphanedResources | None = None
    accounts: tuple[DestinationServiceAccount, ...] = ()
    unenforced: tuple[str, ...] = ()
    windows: tuple[SyncWindow, ...] = ()
    position: Position = NOWHERE
    allowed_namespace_metadata: tuple[str, ...] | None = None

    @property
    def namespace_metadata(self) -> tuple[str, ...]:
        """The globs of namespaces' labels and annotations that count."""
        if self.allowed_namespace_metadata is not None:
            return self.allowed_namespace_metadata
        return ("*",) if self.name == DEFAULT_PROJECT else ()


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whether syncs are made as service accounts that projects name (Argo CD: `application.sync.impersonation`).

    `enforced`: where no account is named nothing is synced; else gitopsd's own rights count there.
    """

    enabled: bool = False
    enforced: bool = True


_THE_DEFAULT: Final = Project(DEFAULT_PROJECT)


@dataclass(frozen=True, slots=True)
class Projects:
    """All projects by name. `default` is there also where nobody declares it, and allows everything (as in Argo CD)."""

    declared: Mapping[str, Project] = field(default_factory=dict)
    impersonation: Impersonation = Impersonation()

    def find(self, name: str) -> Project | None:
        """The project with this name."""
        return self.declared.get(name, _THE_DEFAULT if name == DEFAULT_PROJECT else None)

    def refusal(self, name: str) -> str:
        """Why applications of the project with this name can do nothing; "" if they can."""
        project = self.find(name)
        if project is None:
            known = sorted({DEFAULT_PROJECT, *self.declared})
            listed = ", ".join([*known[:_LISTED], *(["…"] if len(known) > _LISTED else [])])
            return f"project {name[:80]!r} is not defined (known: {listed})"
        if project.unenforced:
            return (
                f"project {name!r}: restrictions are not enforced by this version: {', '.join(project.unenforced)}"
                f" ({project.position})"
            )
        return ""

    def of(self, spec: AppSpec) -> Project:
        """The application's project. Raises `SpecError` if there is none that it can use."""
        project = self.find(spec.project)
        if project is None or project.unenforced:
            raise SpecError(
                self.refusal(spec.project),
                where=str(spec.position),
                hint="declare it under `projects` with values that restrict nothing, or name another one "
                "(docs/moving-from-argocd.md#projects)",
            )
        return project

    def windows(self, spec: AppSpec, *cluster: str) -> tuple[SyncWindow, ...]:
        """The sync windows that mean the application, whose cluster has these names (its URL, its name)."""
        project = self.find(spec.project)
        return tuple(window for window in project.windows if window.fits(spec, *cluster)) if project else ()

    def account(self, spec: AppSpec, server: str) -> str:
        """The user name of the service account as which the application is synced into the cluster at `server`.

        "" means gitopsd's own rights: impersonation is off, or not enforced and no entry fits. Raises `SpecError` where
        it is enforced and no entry fits, or an entry makes no account (J14): that is never our own rights.
        """
        project = self.of(spec)
        if not self.impersonation.enabled:
            return ""
        namespace = spec.destination.namespace
        servers = {server, spec.destination.server} - {""}
        for entry in project.accounts:
            if any(entry.fits(each, namespace) for each in servers):
                return _account(project, entry, namespace)
        if not self.impersonation.enforced:
            return ""
        raise SpecError(
            f"project {project.name!r} names no service account for the namespace {namespace or 'of none'!r}"
            f" of {shown_url(server) or spec.destination.shown}",
            where=str(spec.position),
            why="sync.impersonation is enforced",
            hint="add the destination to the project's destinationServiceAccounts",
        )


def _account(project: Project, entry: DestinationServiceAccount, namespace: str) -> str:
    place, colon, name = entry.account.rpartition(":")
    if not colon and not namespace:
        raise SpecError(
            f"the service account {entry.account!r} of project {project.name!r} is in no namespace",
            why="the application's destination has no namespace",
            hint="write defaultServiceAccount as namespace:name",
        )
    return ServiceAccount(place if colon else namespace, name).user


ONLY_DEFAULT: Final = Projects()
"""Nobody declared a project."""
