"""Ranges of versions (`1.x`, `>=1.2 <2`, `~1.4 || ^2`) and the newest tag in one.

The grammar and the meaning are those of the semver library that Argo CD and Helm use (Masterminds/semver v3): parts may
be missing or `x`, `,` and spaces mean "and", pre-releases count only where the range itself names one (`>=1.0-0`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

_LONGEST: Final = 256
_LARGEST: Final = 2**64
_TAIL: Final = r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION: Final = re.compile(rf"v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?{_TAIL}")
_PART: Final = r"[0-9]+|[xX*]"
_PARTIAL: Final = rf"v?(?P<major>{_PART})(?:\.(?P<minor>{_PART}))?(?:\.(?P<patch>{_PART}))?{_TAIL}"
_TERM: Final = re.compile(rf"(?P<op>!=|>=|=>|<=|=<|~>|=|>|<|~|\^|) ?{_PARTIAL}(?=[ ,]|$)")
_BETWEEN: Final = re.compile(r" ?, ?| ")
_HYPHEN: Final = re.compile(r"(?<![^ ,])([^ ,]+) - ([^ ,]+)")
_SPACES: Final = re.compile(r"\s+")


class _Release(NamedTuple):
    """Major, minor, patch."""

    major: int
    minor: int
    patch: int


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version; ordered as semver.org orders them (build metadata does not count)."""

    release: _Release
    rank: tuple[int, tuple[tuple[int, int, str], ...]]

    @property
    def is_prerelease(self) -> bool:
        """Whether it comes before its release (`1.0.0-rc1`)."""
        return self.rank[0] == 0


@dataclass(frozen=True, slots=True)
class _Term:
    """One comparison; `given` says how many parts of the version were written as numbers."""

    op: str
    version: Version
    given: int

    def allows(self, version: Version) -> bool:
        if self.op in _PLAIN:
            return _PLAIN[self.op](version, self.version)
        return _OWN[self.op](self, version)

    def equal(self, version: Version) -> bool:
        return self.near(version) if self.given < 3 else version == self.version

    def differs(self, version: Version) -> bool:
        if self.given == 1:
            return version.release.major != self.version.release.major
        if self.given == 2:
            return version.release[:2] != self.version.release[:2] or version.rank != self.version.rank
        return version != self.version

    def above(self, version: Version) -> bool:
        # `>11` wants 12 and `>11.1` wants 11.2: the patches of what is named are in it, not above it.
        if self.given in {1, 2}:
            return version.release[: self.given] > self.version.release[: self.given]
        return version > self.version

    def up_to(self, version: Version) -> bool:
        if self.given == 3:
            return version <= self.version
        parts = self.given or 2
        return version.release[:parts] <= self.version.release[:parts]

    def near(self, version: Version) -> bool:
        if version < self.version:
            return False
        if self.version.release == (0, 0, 0) and self.given in {0, 3}:
            return True
        parts = 1 if self.given == 1 else 2
        return version.release[:parts] == self.version.release[:parts]

    def compatible(self, version: Version) -> bool:
        if version < self.version:
            return False
        mine = self.version.release
        if mine.major > 0 or self.given == 1:
            return version.release.major == mine.major
        if mine.minor > 0 or self.given == 2:
            return version.release[:2] == mine[:2]
        return version.release == mine


_PLAIN: Final[Mapping[str, Callable[[Version, Version], bool]]] = {
    "<": operator.lt,
    ">=": operator.ge,
    "=>": operator.ge,
}
_OWN: Final[Mapping[str, Callable[[_Term, Version], bool]]] = {
    "": _Term.equal,
    "=": _Term.equal,
    "!=": _Term.differs,
    ">": _Term.above,
    "<=": _Term.up_to,
    "=<": _Term.up_to,
    "~": _Term.near,
    "~>": _Term.near,
    "^": _Term.compatible,
}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Terms: one group of them must hold as a whole."""

    groups: tuple[tuple[_Term, ...], ...]

    def allows(self, version: Version) -> bool:
        """Whether the version is in the range."""
        return any(_group_allows(group, version) for group in self.groups)


def _group_allows(group: tuple[_Term, ...], version: Version) -> bool:
    if version.is_prerelease and not any(term.version.is_prerelease for term in group):
        return False
    return all(term.allows(version) for term in group)


def parse_version(text: str) -> Version | None:
    """A version, also a partial one (`v1`, `1.2`: the missing parts are 0); None for anything else."""
    found = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    return _version([found["major"], found["minor"] or "0", found["patch"] or "0"], found["pre"])


def parse_range(text: str) -> VersionRange | None:
    """A range; None for anything else, also for a plain version, which stands for itself."""
    if len(text) > _LONGEST or not text.isascii() or parse_version(text) is not None:
        return None
    groups = [_group(part) for part in _SPACES.sub(" ", text).split("||")]
    whole = tuple(group for group in groups if group)
    return VersionRange(whole) if len(whole) == len(groups) else None


def newest(names: Iterable[str], versions: VersionRange, prefix: str = "") -> str | None:
    """The name with the highest version in the range, among those that are `prefix` and a version; None without one."""
    best: tuple[Version, str] | None = None
    for name in names:
        version = parse_version(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if version is None or not versions.allows(version):
            continue
        # Two spellings of one version (`1.0.0` and `v1.0.0`): the same one every time, whatever the order.
        if best is None or version > best[0] or (version == best[0] and name < best[1]):
            best = version, name
    return best[1] if best else None


def _group(text: str) -> tuple[_Term, ...]:
    """The terms of one alternative; empty if it is none."""
    text = _HYPHEN.sub(r">=\1, <=\2", text.strip())
    terms: list[_Term] = []
    here = 0
    while found := _TERM.match(text, here):
        term = _term(found)
        if term is None:
            return ()
        terms.append(term)
        here = found.end()
        if here == len(text):
            return tuple(terms)
        between = _BETWEEN.match(text, here)
        if between is None:
            return ()
        here = between.end()
    return ()


def _term(found: re.Match[str]) -> _Term | None:
    numbers: list[str] = []
    for part in (found["major"], found["minor"], found["patch"]):
        if part is None or part in {"x", "X", "*"}:
            break
        numbers.append(part)
    version = _version([*numbers, "0", "0", "0"][:3], found["pre"])
    return _Term(found["op"], version, len(numbers)) if version else None


def _version(numbers: list[str], pre: str | None) -> Version | None:
    major, minor, patch = (int(number) for number in numbers)
    if max(major, minor, patch) >= _LARGEST:
        return None
    if not pre:
        return Version(_Release(major, minor, patch), (1, ()))
    identifiers = pre.split(".")
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in identifiers):
        return None
    # Numbers come before words and are compared as numbers (semver.org, 11.4).
    rank = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in identifiers)
    return Version(_Release(major, minor, patch), (0, rank))
