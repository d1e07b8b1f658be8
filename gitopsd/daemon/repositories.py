"""What is known of repositories: how to reach them, by the configuration and Argo CD's Secrets; how requests went."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog
from anyio import AsyncContextManagerMixin

from gitopsd.config import Config, ReconcileSettings, RepositorySecrets
from gitopsd.core.errors import GitopsdError
from gitopsd.daemon.rereading import Rereading
from gitopsd.kube.repository_secrets import RepositorySecretsFound
from gitopsd.ports.clock import Clock
from gitopsd.ports.sources import RepositoryStatus
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.connections import Connections

_log = structlog.get_logger("gitopsd.daemon")


class Repositories(AsyncContextManagerMixin):
    """Keeps the accesses of the sources up to date; `async with` reads Secrets once and goes on reading.

    `read` reads a cluster's Secrets and raises `ClusterError`, or `SpecError` for a cluster that is not there.
    `use` gets the accesses whenever they are others than before, and raises `SourceError` for what it cannot take.
    `on_change` hears of it afterwards, and whether that concerns applications with which all is well: their project may
    use other repositories than before, or a commit has other files. Where Secrets cannot be read, what was read last
    goes on.
    """

    def __init__(
        self,
        config: Config,
        read: Callable[[RepositorySecrets], Awaitable[RepositorySecretsFound]],
        clock: Clock,
        connections: Connections,
        use: Callable[[Accesses], None],
    ) -> None:
        self.accesses = Accesses()
        self.on_change: Callable[[bool], None] = _nobody_hears
        self._config = config
        self._read_secrets = read
        self._rereading = Rereading(self._read, clock)
        self._connections = connections
        self._use = use
        self._found: dict[RepositorySecrets, RepositorySecretsFound] = {}
        self._said: set[str] = set()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Repositories]:
        self._apply()
        async with anyio.create_task_group() as tasks:
            # Applications that begin without their credentials would fail first, and be looked at again later.
            complete = not self._config.repositories_from or await self._rereading.first()
            tasks.start_soon(self._rereading.run, complete, self._interval)
            yield self
            tasks.cancel_scope.cancel()

    def reconfigure(self, config: Config) -> None:
        """Use another configuration's accesses, and read its Secrets. Raises `SourceError`, and nothing changed."""
        before, self._config = self._config, config
        try:
            self._apply()
        except GitopsdError:
            self._config = before
            raise
        self._rereading.now()

    def reread(self) -> None:
        """Read the Secrets now."""
        self._rereading.now()

    def refusal(self, origin: str, project: str) -> str:
        """Why applications of `project` may not use an origin; "" if they may."""
        return self.accesses.refusal(origin, project)

    def statuses(self) -> Sequence[RepositoryStatus]:
        """Every repository that is configured or was asked."""
        return self._connections.statuses(self.accesses)

    def _interval(self) -> ReconcileSettings | None:
        return self._config.reconcile if self._config.repositories_from else None

    async def _read(self) -> bool:
        """Read all Secrets; whether it could be done."""
        found: dict[RepositorySecrets, RepositorySecretsFound] = {}
        said: set[str] = set()
        failed = False
        for place in self._config.repositories_from:
            try:
                found[place] = await self._read_secrets(place)
                said |= set(found[place].warnings)
            except GitopsdError as error:
                failed = True
                found[place] = self._found.get(place, RepositorySecretsFound())
                said.add(
                    f"Argo CD's Secrets in namespace {place.namespace} of cluster {place.cluster} not read: {error}"
                )
        for warning in sorted(said - self._said):
            _log.warning("Argo CD's Secrets of repositories", warning=warning)
        self._said = said
        if found != self._found:
            self._found = found
            self._apply()
        return not failed

    def _apply(self) -> None:
        secrets = [self._found[place] for place in self._config.repositories_from if place in self._found]
        accesses = Accesses(
            (*self._config.repositories, *(access for each in secrets for access in each.repositories)),
            (*self._config.repository_credentials, *(access for each in secrets for access in each.templates)),
        )
        before, after = self.accesses, accesses
        if (before.repositories, before.templates) == (after.repositories, after.templates):
            return
        self._use(accesses)
        self.accesses = accesses
        self.on_change(_meaning(before) != _meaning(after))


def _meaning(accesses: Accesses) -> frozenset[tuple[object, str, bool, bool]]:
    """What entries say beside how to get in: for which project, and what a commit's folder has in it."""
    found = ((place, each.project, each.submodules, each.enable_lfs) for place, each in accesses.repositories)
    return frozenset(each for each in found if any(each[1:]))


def _nobody_hears(_concerns_all: bool) -> None:
    """Nobody works with the accesses yet."""
