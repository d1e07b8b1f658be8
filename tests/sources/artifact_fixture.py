"""What the tests of artifacts share: sources with accesses, and how their errors read."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gitopsd.core.errors import SourceError
from gitopsd.core.origin import OriginKind, chart_origin
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.render.engine import locate
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_limits import ArtifactLimits
from gitopsd.sources.artifacts import ArtifactSources, fetch_command
from gitopsd.sources.limits import GitRequest
from gitopsd.testing.chartrepo import ChartRepository

CANARY = "CANARY-secret"
Open = Callable[..., Awaitable[ArtifactSources]]


def engine() -> str:
    """The engine that `make setup` built."""
    found = locate("", os.environ)
    if found is None:
        pytest.fail("the engine is not built: run `make setup`")
    return found


class Requests:
    """Remembers every request that sources told of."""

    def __init__(self) -> None:
        self.made: list[GitRequest] = []

    def __call__(self, request: GitRequest) -> None:
        self.made.append(request)


async def opened(
    stack: AsyncExitStack,
    folder: Path,
    *accesses: RepositoryAccess,
    limits: ArtifactLimits | None = None,
    on_request: Callable[[GitRequest], None] | None = None,
    on_connection: Callable[[str, str], None] = lambda _origin, _error: None,
) -> ArtifactSources:
    """Sources of a test's own."""
    return await stack.enter_async_context(
        ArtifactSources(
            folder=folder,
            command=fetch_command(engine()),
            accesses=Accesses(accesses),
            limits=limits,
            on_request=on_request or (lambda _request: None),
            on_connection=on_connection,
        )
    )


def helm(repository: ChartRepository, chart: str = "web") -> str:
    """The origin of a chart."""
    return chart_origin(repository.url, chart)


def helm_access(
    url: str, username: str = "", password: str = "", *, ca: str = "", pass_credentials: bool = False
) -> RepositoryAccess:
    """An entry of `repositories` for a Helm repository."""
    return RepositoryAccess(
        url,
        username=username,
        password=Secret(password) if password else None,
        ca=ca,
        kind=OriginKind.HELM,
        pass_credentials=pass_credentials,
    )


def oci_access(url: str, username: str = "", password: str = "") -> RepositoryAccess:
    """An entry of `repositories` for a registry."""
    secret = Secret(password) if password else None
    return RepositoryAccess(url, username=username, password=secret, kind=OriginKind.OCI)


def files_of(root: str) -> Sequence[str]:
    """The paths of all files below a folder, sorted."""
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob("*") if not path.is_dir())


async def failure(work: Awaitable[object]) -> SourceError:
    """The `SourceError` that it ends with."""
    with pytest.raises(SourceError) as caught:
        await work
    assert caught.value.hint
    return caught.value
