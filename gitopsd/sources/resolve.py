"""Which commit a target revision means, by the table of refs alone (advisory G5). Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gitopsd.core.repo_url import valid_revision

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


def resolve(commits: Mapping[str, str], revision: str) -> Named | ById | None:
    """What `revision` names: HEAD ("" too), a full ref name, a full id, a branch, a tag or a short id, in this order.

    None for anything else, above all for revision expressions. Branch before tag, as Argo CD finds them.
    """
    wanted = revision or "HEAD"
    if not valid_revision(wanted):
        return None
    if wanted == "HEAD" or wanted.startswith("refs/"):
        return Named(wanted, commits[wanted]) if wanted in commits else None
    lowered = wanted.lower()
    if len(lowered) == 40 and _ID.fullmatch(lowered):
        return ById(lowered)
    for ref in (_BRANCH + wanted, _TAG + wanted):
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
