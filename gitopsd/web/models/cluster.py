"""Clusters in answers: what may be shown of them, and nothing of their credentials (S6, S7)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from gitopsd.core.errors import shown_url
from gitopsd.ports.clusterstatus import ClusterStatus
from gitopsd.web.models.model import Model


class ClusterConnection(Model):
    """Whether the API server answers, since when (`since` is left out before anybody asked it), and if not why."""

    status: Literal["Successful", "Failed", "Unknown"]
    since: datetime | None = None
    message: str = ""


class WatchedKind(Model):
    """A kind that is watched: `kept` objects of it belong to applications, `seen` are there in all. `errors`: where it
    cannot be read now, and why; a reason that several namespaces share stands there once.
    """

    group: str
    version: str
    kind: str
    kept: int
    seen: int
    errors: tuple[str, ...] = ()


class Cluster(Model):
    """A cluster that is configured, or that an Argo CD Secret names; `writtenAt` is where.

    `namespaces` empty: all are looked at. `apiResources` counts the kinds that it serves, `objects` what is kept,
    `kindsFailing` the kinds that cannot be read now, everywhere or in a namespace; `unreadable` says so in short.
    """

    name: str
    server: str
    server_version: str = ""
    connection_state: ClusterConnection
    applications: int = 0
    objects: int = 0
    api_resources: int = 0
    kinds_failing: int = 0
    unreadable: str = ""
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = True
    labels: dict[str, str] = Field(default_factory=dict)
    project: str = ""
    written_at: str = ""

    @classmethod
    def of(cls, status: ClusterStatus) -> Cluster:
        """The answer's form of a status."""
        return cls.model_validate(_fields(status))


class ClusterDetails(Cluster):
    """One of them, with the kinds that are watched."""

    kinds: tuple[WatchedKind, ...] = ()

    @classmethod
    def of(cls, status: ClusterStatus) -> ClusterDetails:
        """The answer's form of a status."""
        kinds = tuple(
            WatchedKind(
                group=each.group,
                version=each.version,
                kind=each.kind,
                kept=each.kept,
                seen=each.seen,
                errors=each.errors,
            )
            for each in status.kinds
        )
        return cls.model_validate({**_fields(status), "kinds": kinds})


class Clusters(Model):
    """All of them: those of the configuration in its order, then those of Secrets."""

    items: tuple[Cluster, ...]


def _fields(status: ClusterStatus) -> dict[str, object]:
    connection = status.connection
    asked = connection.at is not None
    return {
        "name": status.name,
        "server": shown_url(status.server),
        "server_version": connection.version,
        "connection_state": ClusterConnection(
            status="Successful" if connection.up else "Failed" if asked else "Unknown",
            since=connection.at,
            message=connection.trouble,
        ),
        "applications": status.applications,
        "objects": sum(each.kept for each in status.kinds),
        "api_resources": status.api_resources,
        "kinds_failing": sum(each.failing for each in status.kinds),
        "unreadable": status.unreadable,
        "namespaces": status.namespaces,
        "cluster_resources": status.cluster_resources,
        "labels": dict(status.labels),
        "project": status.project,
        "written_at": status.written_at,
    }
