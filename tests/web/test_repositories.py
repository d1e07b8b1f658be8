"""What the API says of repositories."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from gitopsd.core.origin import OriginKind
from gitopsd.ports.sources import ConnectionState, ConnectionStatus, RepositoryStatus
from tests.web.conftest import Daemon


async def test_repositories_are_told_in_argo_cds_words(daemon: Daemon, local: httpx.AsyncClient) -> None:
    failed = ConnectionState(ConnectionStatus.FAILED, "authentication failed", datetime(2026, 3, 1, tzinfo=UTC))
    daemon.repositories = (
        RepositoryStatus(
            "https://git.example.org/a.git",
            OriginKind.GIT,
            "app",
            "payments",
            "password",
            "https://git.example.org",
            "gitopsd.yaml:3:5",
            failed,
        ),
        RepositoryStatus("oci://registry.example.org/charts", OriginKind.OCI),
    )
    told = await local.get("/api/v1/repositories")
    assert told.status_code == 200
    assert told.json() == {
        "items": [
            {
                "repo": "https://git.example.org/a.git",
                "type": "git",
                "name": "app",
                "project": "payments",
                "credentials": "password",
                "inheritedCreds": True,
                "inheritedFrom": "https://git.example.org",
                "writtenAt": "gitopsd.yaml:3:5",
                "connectionState": {
                    "status": "Failed",
                    "message": "authentication failed",
                    "attemptedAt": "2026-03-01T00:00:00Z",
                },
            },
            {
                "repo": "oci://registry.example.org/charts",
                "type": "oci",
                "name": "",
                "project": "",
                "credentials": "",
                "inheritedCreds": False,
                "inheritedFrom": "",
                "writtenAt": "",
                "connectionState": {"status": "Unknown", "message": "", "attemptedAt": None},
            },
        ]
    }
