"""Lists in pages: filtered, sorted by name, and continued where the last page ended."""

from __future__ import annotations

import base64
import binascii
import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import AppName
from gitopsd.web.problem import Problem

_VERSION: Final = b"1"
_FILTER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Filter:
    """What applications to list; empty fields let all through. `search` is a part of name, repository or namespace."""

    project: str = ""
    sync: frozenset[SyncCode] = frozenset()
    health: frozenset[HealthStatus] = frozenset()
    search: str = ""

    def matches(self, spec: AppSpec, status: AppStatus) -> bool:
        """Whether the application is asked for."""
        return (
            (not self.project or spec.project == self.project)
            and (not self.sync or status.sync in self.sync)
            and (not self.health or status.health.status in self.health)
            and (not self.search or self._found_in(spec))
        )

    def _found_in(self, spec: AppSpec) -> bool:
        wanted = self.search.casefold()
        texts = (spec.name, spec.destination.namespace, *(source.repo_url for source in spec.sources))
        return any(wanted in text.casefold() for text in texts)

    def digest(self) -> bytes:
        """Equal for equal filters."""
        told = "\0".join((self.project, ",".join(sorted(self.sync)), ",".join(sorted(self.health)), self.search))
        return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=_FILTER_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: names in order, the token of the next page ("" if there is none), and how many match in all."""

    names: Sequence[AppName]
    continue_: str
    total: int


def select(applications: Mapping[AppName, tuple[AppSpec, AppStatus]], wanted: Filter, limit: int, token: str) -> Slice:
    """The page after `token` ("": the first). Raises `Problem` (422) for a token that was not given for this filter.

    A token names the last application that was shown: those that come and go in between spoil no page.
    """
    names = sorted(name for name, (spec, status) in applications.items() if wanted.matches(spec, status))
    start = bisect_right(names, _last_shown(token, wanted)) if token else 0
    shown = names[start : start + limit]
    more = start + limit < len(names)
    return Slice(shown, _token(shown[-1], wanted) if more else "", len(names))


def _token(last: AppName, wanted: Filter) -> str:
    return base64.urlsafe_b64encode(_VERSION + wanted.digest() + last.encode("utf-8", "surrogatepass")).decode()


def _last_shown(token: str, wanted: Filter) -> AppName:
    try:
        content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        version, digest, last = content[:1], content[1 : 1 + _FILTER_BYTES], content[1 + _FILTER_BYTES :]
        name = last.decode("utf-8", "surrogatepass")
    except (UnicodeError, binascii.Error):
        version, digest, name = b"", b"", ""
    if version != _VERSION or not name:
        raise Problem.invalid(
            "the token is none of ours",
            where="query.continue",
            hint="leave `continue` out to begin with the first page",
        )
    if digest != wanted.digest():
        raise Problem.invalid(
            "the token belongs to a list with other filters",
            where="query.continue",
            hint="keep project, sync, health and search as they were, or leave `continue` out to begin anew",
        )
    return AppName(name)
