"""Accesses of a running daemon: from the configuration and from Secrets, which may be out of reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from gitopsd.config import Config, RepositorySecrets
from gitopsd.core.errors import ClusterDown, SourceError
from gitopsd.core.secret import Secret
from gitopsd.daemon.repositories import Repositories
from gitopsd.kube.repository_secrets import RepositorySecretsFound
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.connections import Connections
from gitopsd.testing.clock import FakeClock
from tests.config.writing import LOCAL, loaded

URL = "https://git.example.org/a.git"


class Cluster:
    """Holds Secrets, or is down."""

    def __init__(self) -> None:
        self.found = RepositorySecretsFound()
        self.down = False
        self.asked = 0
        self.used: list[Accesses] = []
        self.changes: list[bool] = []
        self.refuses = False
        self.news = anyio.Event()

    async def read(self, place: RepositorySecrets) -> RepositorySecretsFound:
        self.asked += 1
        self.news.set()
        self.news = anyio.Event()
        if self.down:
            raise ClusterDown("the cluster cannot be reached", where=place.cluster)
        return self.found

    def use(self, accesses: Accesses) -> None:
        if self.refuses:
            raise SourceError("this cannot be used")
        self.used.append(accesses)

    async def asked_again(self) -> None:
        """Until the Secrets were read once more, and what follows from it is done."""
        news = self.news
        with anyio.fail_after(30):
            await news.wait()
        await anyio.wait_all_tasks_blocked()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def config(folder: Path, text: str = "") -> Config:
    return loaded(folder, f"{LOCAL}repositoriesFrom: [{{cluster: local}}]\nreconcile: {{refreshInterval: 1h}}\n{text}")


@pytest.fixture
async def running(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Repositories]:
    clock = FakeClock()
    cluster.found = secrets("first")
    async with Repositories(config(tmp_path), cluster.read, clock, Connections(clock), cluster.use) as repositories:
        repositories.on_change = cluster.changes.append
        await anyio.wait_all_tasks_blocked()
        yield repositories


def secrets(password: str, project: str = "", warnings: tuple[str, ...] = ()) -> RepositorySecretsFound:
    access = RepositoryAccess(URL, username="u", password=Secret(password), project=project)
    return RepositorySecretsFound((access,), (), warnings)


def password(repositories: Repositories) -> str:
    found = repositories.accesses.find(URL).password
    return found.reveal() if found else ""


async def test_secrets_are_there_before_anybody_works_and_read_again_when_asked(
    running: Repositories, cluster: Cluster
) -> None:
    assert password(running) == "first"
    cluster.found = secrets("second")
    running.reread()
    await cluster.asked_again()
    assert password(running) == "second"
    assert cluster.changes == [False]
    assert cluster.used[-1] is running.accesses


async def test_nothing_is_told_where_nothing_changed(running: Repositories, cluster: Cluster) -> None:
    uses = len(cluster.used)
    running.reread()
    await cluster.asked_again()
    assert (len(cluster.used), cluster.changes) == (uses, [])


async def test_while_the_cluster_is_down_what_was_read_last_goes_on(running: Repositories, cluster: Cluster) -> None:
    cluster.down = True
    running.reread()
    await cluster.asked_again()
    assert password(running) == "first"
    cluster.down, cluster.found = False, secrets("second")
    running.reread()
    await cluster.asked_again()
    assert password(running) == "second"


async def test_a_change_of_projects_is_told_as_one(running: Repositories, cluster: Cluster) -> None:
    cluster.found = secrets("first", project="payments")
    running.reread()
    await cluster.asked_again()
    assert cluster.changes == [True]
    assert running.refusal(URL, "default")
    assert not running.refusal(URL, "payments")


@pytest.mark.parametrize("setting", ["submodules", "enableLfs"])
async def test_a_setting_that_gives_a_commit_other_files_concerns_all(
    running: Repositories, cluster: Cluster, tmp_path: Path, setting: str
) -> None:
    own = f"repositories: [{{url: '{URL}', username: u, password: own, {setting}: %s}}]\n"
    for value, told in (("false", False), ("true", True), ("false", True)):
        running.reconfigure(config(tmp_path, own % value))
        assert cluster.changes[-1] is told


async def test_the_configuration_comes_before_secrets(running: Repositories, cluster: Cluster, tmp_path: Path) -> None:
    own = f"repositories: [{{url: '{URL}', username: u, password: own}}]\n"
    running.reconfigure(config(tmp_path, own))
    assert password(running) == "own"
    await cluster.asked_again()
    assert password(running) == "own"
    running.reconfigure(loaded(tmp_path, LOCAL))
    assert password(running) == ""


async def test_a_configuration_that_cannot_be_used_changes_nothing(
    running: Repositories, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refuses = True
    with pytest.raises(SourceError):
        running.reconfigure(loaded(tmp_path, LOCAL))
    assert password(running) == "first"
    cluster.refuses, cluster.found = False, secrets("second")
    running.reread()
    await cluster.asked_again()
    assert password(running) == "second"


async def test_a_warning_is_logged_once_as_long_as_it_holds(running: Repositories, cluster: Cluster) -> None:
    with capture_logs() as logged:
        for _ in range(2):
            cluster.found = secrets("first", warnings=("Secret argocd/odd is left out: it has no url",))
            running.reread()
            await cluster.asked_again()
    assert [entry["warning"] for entry in logged] == ["Secret argocd/odd is left out: it has no url"]
