"""What requests to repositories, registries and web servers leave in the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import shown_url
from gitopsd.core.origin import parse_origin
from gitopsd.core.repo_url import BadUrlError
from gitopsd.core.url_place import place_of
from gitopsd.metrics import source_names as names
from gitopsd.metrics.series import CounterSeries, HistogramSeries

_LS_REMOTE: Final = "ls-remote"
_PULLS: Final = frozenset({"pull", "file"})


class SourceSeries:
    """The series about sources. Those of a repository go when the last application that has it does."""

    def __init__(self, prefix: str, registry: CollectorRegistry) -> None:
        self._git = CounterSeries(names.GIT_REQUEST, prefix, registry)
        self._git_seconds = HistogramSeries(names.GIT_REQUEST_SECONDS, prefix, registry)
        self._git_waits = HistogramSeries(names.GIT_WAIT_SECONDS, prefix, registry)
        self._fetch_failed = CounterSeries(names.GIT_FETCH_FAILED, prefix, registry)
        self._lsremote_failed = CounterSeries(names.GIT_LSREMOTE_FAILED, prefix, registry)
        self._artifact = CounterSeries(names.ARTIFACT_REQUEST, prefix, registry)
        self._artifact_seconds = HistogramSeries(names.ARTIFACT_REQUEST_SECONDS, prefix, registry)
        self._lookup_failed = CounterSeries(names.ARTIFACT_LOOKUP_FAILED, prefix, registry)
        self._pull_failed = CounterSeries(names.ARTIFACT_PULL_FAILED, prefix, registry)
        self._users: Counter[Hashable] = Counter()
        self._shown: dict[Hashable, set[str]] = {}

    def git(self, repo: str, kind: str, seconds: float, waited: float, *, ok: bool) -> None:
        """A request to a git server; `kind` is `ls-remote` or `fetch`."""
        shown = self._known(repo)
        self._git.add(shown, kind)
        self._git_seconds.observe(seconds, shown, kind)
        self._git_waits.observe(waited)
        if not ok:
            (self._lsremote_failed if kind == _LS_REMOTE else self._fetch_failed).add(shown)

    def artifact(self, repo: str, kind: str, seconds: float, *, ok: bool) -> None:
        """A request to a registry, a Helm repository or a web server; `kind` is `oci`, `index`, `pull` or `file`."""
        shown = self._known(repo)
        self._artifact.add(shown, kind)
        self._artifact_seconds.observe(seconds, shown, kind)
        if not ok:
            (self._pull_failed if kind in _PULLS else self._lookup_failed).add(shown)

    def use(self, spec: AppSpec | None, before: AppSpec | None) -> None:
        """An application has these sources now (None: it is gone), and had those before."""
        now, then = _repositories(spec), _repositories(before)
        if now == then:
            return
        self._users.update(now)
        for repo in then:
            self._users[repo] -= 1
            if not self._users[repo]:
                del self._users[repo]
                for shown in self._shown.pop(repo, ()):
                    self._forget(shown)

    def pending(self, waiting: Mapping[str, int]) -> list[tuple[tuple[str, ...], float]]:
        """The rows of the requests that wait at each repository that some application has."""
        shown = {repo: shown_url(repo) for repo in waiting}
        return [((shown[repo],), count) for repo, count in waiting.items() if _place(shown[repo]) in self._users]

    def _known(self, repo: str) -> str:
        shown = shown_url(repo)
        self._shown.setdefault(_place(shown), set()).add(shown)
        return shown

    def _forget(self, shown: str) -> None:
        for series in (
            self._git,
            self._git_seconds,
            self._fetch_failed,
            self._lsremote_failed,
            self._artifact,
            self._artifact_seconds,
            self._lookup_failed,
            self._pull_failed,
        ):
            series.forget("repo", shown)


def _repositories(spec: AppSpec | None) -> frozenset[Hashable]:
    if spec is None:
        return frozenset()
    return frozenset(_place(shown_url(parse_origin(source.origin).url)) for source in spec.sources)


@lru_cache(maxsize=32_768)
def _place(shown: str) -> Hashable:
    """What the ways to write one repository have in common."""
    try:
        return place_of(shown)
    except BadUrlError:
        return shown
