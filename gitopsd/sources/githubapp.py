"""Installation tokens of GitHub Apps: made by a worker, kept in memory until shortly before they expire.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import anyio
import anyio.abc

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, text
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import GitHubApp, RepositoryAccess
from gitopsd.sources.frames import app_frame
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.wire import Failure, FailureKind

# A fetch that begins with the token ends with it.
_RESERVE_SECONDS: Final = 600.0
_MOST: Final = 1000

Ask = Callable[[Mapping[str, JsonValue], str], Awaitable[JsonObject]]
"""A worker's answer to a request, made by one whose CA bundle is the second argument."""


class _Token(NamedTuple):
    secret: Secret
    until: float


class _Key(NamedTuple):
    """`owner` and `repository` are "" for an app whose installation is configured."""

    app: GitHubApp
    owner: str
    repository: str


class AppTokens:
    """A token for each installation, however many repositories it serves. Raises `Failure`."""

    def __init__(self, ask: Ask, tasks: anyio.abc.TaskGroup) -> None:
        self._ask = ask
        self._making: SharedCalls[_Token] = SharedCalls(tasks)
        self._tokens: dict[tuple[GitHubApp, str], _Token] = {}

    async def get(self, access: RepositoryAccess, path: str) -> Secret | None:
        """The token for the repository at `path` (`/owner/name`) of a server; None for an access without an app."""
        if access.github_app is None:
            return None
        key = _key(access.github_app, path)
        known = self._tokens.get(key[:2])
        if known is None or known.until < anyio.current_time():
            known = await self._making.call(key, lambda _: self._made(key, access))
        return known.secret

    def forget(self, access: RepositoryAccess, path: str) -> bool:
        """Make a new token next time: the server refused this one. Whether there was one."""
        return access.github_app is not None and self._tokens.pop(_key(access.github_app, path)[:2], None) is not None

    async def _made(self, key: _Key, access: RepositoryAccess) -> _Token:
        request: dict[str, JsonValue] = {
            "op": "app-token",
            "access": {**app_frame(access, key.app.base_url), "app_key": key.app.private_key.reveal()},
            "app_id": key.app.app_id,
            "installation_id": key.app.installation_id,
            "owner": key.owner,
            "repository": key.repository,
        }
        answer = await self._ask(request, access.ca if key.app.base_url.startswith("https:") else "")
        secret, seconds = text(answer, "token"), integer(answer, "seconds")
        if not secret:
            raise Failure(FailureKind.PROTOCOL, "GitHub's answer holds no token")
        # A token of less than the reserve still serves the request that it was made for.
        made = _Token(Secret(secret), anyio.current_time() + max(seconds - _RESERVE_SECONDS, seconds / 2))
        self._tokens[key[:2]] = made
        while len(self._tokens) > _MOST:
            del self._tokens[next(iter(self._tokens))]
        return made


def _key(app: GitHubApp, path: str) -> _Key:
    owner, _, name = path.strip("/").removesuffix(".git").partition("/")
    return _Key(app, "", "") if app.installation_id else _Key(app, owner.lower(), name)
