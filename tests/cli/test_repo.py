"""`gitopsd repo list`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import yaml

from gitopsd.core.origin import OriginKind
from gitopsd.ports.sources import ConnectionState, ConnectionStatus, RepositoryStatus
from tests.cli.conftest import Cli, Served

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def test_repositories_are_listed_with_their_connection(cli: Cli, served: Served) -> None:
    served.daemon.repositories = (
        RepositoryStatus(
            "https://git.example.org/a.git",
            OriginKind.GIT,
            "app",
            "payments",
            "password",
            connection=ConnectionState(ConnectionStatus.FAILED, "authentication failed", MOMENT),
        ),
        RepositoryStatus(
            "oci://registry.example.org/charts", OriginKind.OCI, inherited_from="oci://registry.example.org"
        ),
    )
    ran = cli("repo", "list", "--socket", str(served.socket))
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["TYPE", "NAME", "REPO", "PROJECT", "CREDS", "STATUS", "MESSAGE"],
        ["git", "app", "https://git.example.org/a.git", "payments", "password", "Failed", "authentication", "failed"],
        ["oci", "-", "oci://registry.example.org/charts", "-", "-", "Unknown"],
    ]
    wide = cli("repo", "list", "-o", "wide", "--socket", str(served.socket)).out
    assert "2026-03-01T00:00:00Z" in wide
    assert "oci://registry.example.org " in wide
    for form, parse in (("json", json.loads), ("yaml", yaml.safe_load)):
        items = parse(cli("repo", "list", "-o", form, "--socket", str(served.socket)).out)
        assert [item["repo"] for item in items] == [
            "https://git.example.org/a.git",
            "oci://registry.example.org/charts",
        ]


def test_no_repositories_are_said_beside_the_answer(cli: Cli, served: Served) -> None:
    ran = cli("repo", "list", "--socket", str(served.socket))
    assert (ran.code, ran.out, ran.err) == (0, "", "no repositories\n")


def test_without_a_daemon_it_says_so(cli: Cli) -> None:
    ran = cli("repo", "list")
    assert ran.code == 1
    assert "no daemon" in ran.err
