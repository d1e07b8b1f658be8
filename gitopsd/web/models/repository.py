"""Repositories in answers: what may be shown of them, and nothing of their credentials but the kind (S7)."""

from __future__ import annotations

from datetime import datetime

from gitopsd.core.origin import OriginKind
from gitopsd.ports.sources import ConnectionStatus, RepositoryStatus
from gitopsd.web.models.model import Model


class ConnectionState(Model):
    """How the last request went; `attemptedAt` is left out before the first."""

    status: ConnectionStatus
    message: str = ""
    attempted_at: datetime | None = None


class Repository(Model):
    """A repository that is configured or in use, in Argo CD's words.

    `credentials` names their kind; `inheritedFrom` is the template that they come from; `writtenAt` is where the
    repository is configured, empty where it is only used.
    """

    repo: str
    type: OriginKind
    name: str = ""
    project: str = ""
    credentials: str = ""
    inherited_creds: bool = False
    inherited_from: str = ""
    written_at: str = ""
    connection_state: ConnectionState

    @classmethod
    def of(cls, status: RepositoryStatus) -> Repository:
        """The answer's form of a status."""
        connection = status.connection
        return cls(
            repo=status.repo,
            type=status.kind,
            name=status.name,
            project=status.project,
            credentials=status.credentials,
            inherited_creds=bool(status.inherited_from),
            inherited_from=status.inherited_from,
            written_at=status.written_at,
            connection_state=ConnectionState(
                status=connection.status, message=connection.message, attempted_at=connection.attempted_at
            ),
        )


class Repositories(Model):
    """All of them: those of the configuration in its order, then those that are only used."""

    items: tuple[Repository, ...]
