"""What the history says of the revisions that were deployed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

from gitopsd.core.app import Source
from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo

Describe = Callable[[str, Sequence[str]], Awaitable[Sequence[RevisionInfo]]]
"""`ports.sources.Sources.describe`."""

# It is a courtesy: no operation waits for it any longer.
_SECONDS: Final = 2.0


async def describe_nothing(_origin: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
    """Where there is nobody to ask."""
    return [RevisionInfo()] * len(commits)


async def infos(describe: Describe, sources: Sequence[Source], revisions: Sequence[str]) -> tuple[RevisionInfo, ...]:
    """One for each of `revisions`, which go together with `sources`; all in 2 seconds, and empty what took longer or
    is not known.
    """
    found = [RevisionInfo()] * len(revisions)
    with anyio.move_on_after(_SECONDS):
        for number, (source, revision) in enumerate(zip(sources, revisions, strict=False)):
            if revision:
                found[number] = await _info(describe, source, revision)
    return tuple(found)


async def _info(describe: Describe, source: Source, revision: str) -> RevisionInfo:
    try:
        return (await describe(source.origin, [revision]))[0]
    except SourceError:
        return RevisionInfo()
