"""What whoever implements `ports.sources.Sources` says of commits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Final

from gitopsd.core.history import RevisionInfo
from gitopsd.ports.sources import Sources

WRITTEN_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
AUTHOR: Final = "tester <tester@example.org>"


class RevisionInfosContract(ABC):
    """Derived classes have the fixture `sources`; `AUTHOR` makes all commits at `WRITTEN_AT`."""

    @abstractmethod
    def make(self, message: str) -> tuple[str, str]:
        """A new commit: (URL of its repository, commit). Each test's repository is new."""

    @abstractmethod
    def tag(self, name: str, commit: str) -> None:
        """Tag a commit of that repository."""

    async def test_a_commit_has_its_author_date_first_line_and_tags(self, sources: Sources) -> None:
        url, first = self.make("Open the door\n\nBecause somebody knocked.\n")
        _, second = self.make("Close it")
        self.tag("v1", first)
        self.tag("latest", first)
        await sources.refs(url, fresh=True)
        for commit in (first, second):
            await sources.commit(url, commit)

        assert list(await sources.describe(url, [second, first])) == [
            RevisionInfo(AUTHOR, WRITTEN_AT, "Close it"),
            RevisionInfo(AUTHOR, WRITTEN_AT, "Open the door", ("latest", "v1")),
        ]

    async def test_what_is_not_there_is_empty_and_no_error(self, sources: Sources) -> None:
        url, commit = self.make("Open the door")
        await sources.commit(url, commit)

        known, *unknown = await sources.describe(url, [commit, "0" * 40, "1.2.3@sha256:abc", "HEAD", ""])
        assert known.message == "Open the door"
        assert unknown == [RevisionInfo()] * 4
        assert list(await sources.describe(f"{url}.none", [commit])) == [RevisionInfo()]
        assert list(await sources.describe(url, [])) == []

    async def test_foreign_texts_are_cut_and_cannot_be_invisible(self, sources: Sources) -> None:
        url, long = self.make("a" * 100_000)
        _, odd = self.make("\n\n \u202eturned \x1b[31mred\x07 \tü\n")
        for commit in (long, odd):
            await sources.commit(url, commit)

        first, second = await sources.describe(url, [long, odd])
        assert (len(first.message), first.message[-2:]) == (500, "a…")
        assert second.message == "turned [31mred  ü"
