"""How the last request to each repository went, in memory: what Argo CD shows as connection status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import shown_url
from gitopsd.core.origin import OriginKind, parse_origin
from gitopsd.core.repo_url import BadUrlError
from gitopsd.core.url_place import Place, place_of
from gitopsd.ports.clock import Clock
from gitopsd.ports.sources import ConnectionState, ConnectionStatus, RepositoryAccess, RepositoryStatus
from gitopsd.sources.accesses import Accesses

_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A repository that was asked."""

    origin: str
    state: ConnectionState


class Connections:
    """Told of every ended request; forgets what was not asked for longest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[Place, _Seen] = {}

    def note(self, origin: str, error: str = "") -> None:
        """A request to `origin` ended; `error` is why it failed, masked ("" if it went well)."""
        try:
            place = place_of(parse_origin(origin).url)
        except BadUrlError:
            return
        status = ConnectionStatus.FAILED if error else ConnectionStatus.SUCCESSFUL
        self._seen.pop(place, None)
        self._seen[place] = _Seen(origin, ConnectionState(status, error, self._clock.now()))
        while len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]

    def statuses(self, accesses: Accesses) -> Sequence[RepositoryStatus]:
        """Every configured repository in its order, then those that are only used, by their URL. For any thread."""
        seen = dict(self._seen)
        configured = [
            _configured(access, accesses, _state(place, access, seen)) for place, access in accesses.repositories
        ]
        return (*configured, *sorted(_others(accesses, seen), key=lambda status: status.repo))


def _state(place: Place, access: RepositoryAccess, seen: Mapping[Place, _Seen]) -> ConnectionState:
    if access.kind is OriginKind.GIT:
        return seen[place].state if place in seen else ConnectionState()
    below = [each.state for other, each in seen.items() if place.covers(other)]
    return below[-1] if below else ConnectionState()


def _others(accesses: Accesses, seen: Mapping[Place, _Seen]) -> Iterator[RepositoryStatus]:
    for each in seen.values():
        if accesses.entry(each.origin) is None:
            parsed = parse_origin(each.origin)
            yield RepositoryStatus(
                shown_url(parsed.url),
                parsed.kind,
                credentials=credentials_of(accesses.find(each.origin)),
                inherited_from=accesses.inherits(each.origin),
                connection=each.state,
            )


def _configured(access: RepositoryAccess, accesses: Accesses, state: ConnectionState) -> RepositoryStatus:
    origin = f"helm+{access.url}#" if access.kind is OriginKind.HELM else access.url
    return RepositoryStatus(
        shown_url(access.url),
        access.kind,
        name=access.name,
        project=access.project,
        credentials=credentials_of(accesses.find(origin)),
        inherited_from=accesses.inherits(origin),
        written_at=access.written_at,
        connection=state,
    )


def credentials_of(access: RepositoryAccess) -> str:
    """The kind of an access's credentials in words; "" if it has none."""
    kinds = (
        ("GitHub App", access.github_app),
        ("bearer token", access.bearer_token),
        ("password", access.password or access.username),
        ("SSH key", access.ssh_private_key),
        ("client certificate", access.tls_client_cert),
    )
    return ", ".join(name for name, given in kinds if given)
