"""Which commit a target revision means, by the table of refs alone (advisory G5). Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gitopsd.core.repo_url import valid_revision
from gitopsd.core.version_range import VersionRange, newest, parse_range

_ID: Final = re.compile(r"[0-9a-f]{7,40}")
_MOST_COMPARED: Final = 500
_BRANCH, _TAG = "refs/heads/", "refs/tags/"


@dataclass(frozen=True, slots=True)
class Named:
    """A ref stands for this revision, and this is its commit."""

    ref: str
    commit: str


@dataclass(frozen=True, slots=True)
class ById:
    """A full (40 digits) or short commit id."""

    digits: str


@dataclass(frozen=True, slots=True)
class InRange:
    """The newest tag in a range of versions; looking for it takes a while where there are thousands of tags."""

    versions: VersionRange


def resolve(commits: Mapping[str, str], revision: str, tag_prefix: str = "") -> Named | ById | InRange | None:
    """What `revision` names: HEAD ("" too), a full ref name, a full id, a branch, a tag, a tag without its prefix, a
    short id or a range of versions, in this order.

    None for anything else, above all for revision expressions. Branch before tag, as Argo CD finds them; a range only
    where no name is written like it.
    """
    found = _exact(commits, revision or "HEAD", tag_prefix)
    if found is not None:
        return found
    versions = parse_range(revision)
    return InRange(versions) if versions is not None else None


def newest_tag(commits: Mapping[str, str], versions: VersionRange, tag_prefix: str = "") -> Named | None:
    """The tag with the highest version in the range, among those that begin with the prefix."""
    tags = (ref.removeprefix(_TAG) for ref in commits if ref.startswith(_TAG))
    found = newest(tags, versions, tag_prefix)
    return Named(_TAG + found, commits[_TAG + found]) if found is not None else None


def tags_at(refs: Mapping[str, str], commits: frozenset[str]) -> Mapping[str, Sequence[str]]:
    """The names of the tags that point at each of `commits`."""
    found: dict[str, list[str]] = {commit: [] for commit in commits}
    for ref, commit in refs.items():
        if commit in commits and ref.startswith(_TAG):
            found[commit].append(ref.removeprefix(_TAG))
    return found


def _exact(commits: Mapping[str, str], wanted: str, tag_prefix: str) -> Named | ById | None:
    if not valid_revision(wanted):
        return None
    if wanted == "HEAD" or wanted.startswith("refs/"):
        return Named(wanted, commits[wanted]) if wanted in commits else None
    lowered = wanted.lower()
    if len(lowered) == 40 and _ID.fullmatch(lowered):
        return ById(lowered)
    for ref in (_BRANCH + wanted, _TAG + wanted, _TAG + tag_prefix + wanted):
        if ref in commits:
            return Named(ref, commits[ref])
    return ById(lowered) if _ID.fullmatch(lowered) else None


def nearest(commits: Mapping[str, str], revision: str) -> list[str]:
    """Up to three names of branches and tags that look like `revision`; branches where none does."""
    alike = difflib.get_close_matches(revision[:100], islice(_names(commits, revision[:1]), _MOST_COMPARED), 3, 0.5)
    return alike or sorted(islice(_names(commits, ""), _MOST_COMPARED))[:3]


def _names(commits: Mapping[str, str], start: str) -> Iterator[str]:
    for ref in commits:
        for prefix in (_BRANCH, _TAG):
            if ref.startswith(prefix + start):
                yield ref.removeprefix(prefix)
