"""What is said of commits, charts and artifacts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitopsd.core.history import RevisionInfo
from gitopsd.sources.git import GitSources
from gitopsd.testing.chartrepo import ChartRepository
from gitopsd.testing.gitserver import GitRepo, GitServer
from gitopsd.testing.registry import Registry
from gitopsd.testing.sources import SOMEBODY, FakeRepository, FakeSources
from tests.contracts.revision_infos_contract import RevisionInfosContract
from tests.sources.artifact_fixture import helm, opened


class TestGit(RevisionInfosContract):
    """Real repositories, and the workers that read their mirrors."""

    @pytest.fixture(autouse=True)
    def _repository(self, repo: GitRepo) -> None:
        self.repo = repo

    def make(self, message: str) -> tuple[str, str]:
        return self.repo.url, self.repo.commit({"a": message}, message=message)

    def tag(self, name: str, commit: str) -> None:
        self.repo.git("tag", name, commit)


class TestFake(RevisionInfosContract):
    """The fake says the same."""

    @pytest.fixture
    def sources(self) -> FakeSources:
        sources = FakeSources()
        self.repo: FakeRepository = sources.repository("https://git.example.org/team/app.git")
        return sources

    def make(self, message: str) -> tuple[str, str]:
        info = RevisionInfo(SOMEBODY.author, SOMEBODY.date, message)
        return self.repo.url, self.repo.commit({"a": message}, info=info)

    def tag(self, name: str, commit: str) -> None:
        self.repo.tag(name, commit)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b"author \xe4 <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\nencoding latin1\n\n\xfc\n", ("ä <a@b>", 1, "ü")),
        (b"author  <> 1 +0000\ncommitter a <a@b> 1 +0000\nencoding rot13\n\n\xff\n", ("", 1, "�")),
        (b"author a <a@b> 99999999999999 +0000\ncommitter a <a@b> 1 +0000\n\n", ("a <a@b>", None, "")),
    ],
    ids=["latin1", "no encoding", "no time"],
)
async def test_Z2_an_odd_commit_is_described_as_far_as_it_can_be_read(
    sources: GitSources, repo: GitRepo, lines: bytes, said: tuple[str, int | None, str]
) -> None:
    tree = repo.git("rev-parse", "main^{tree}").encode()
    commit = repo.git(
        "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=b"tree " + tree + b"\n" + lines
    )
    repo.git("update-ref", "refs/heads/odd", commit)
    await sources.refs(repo.url, fresh=True)
    await sources.commit(repo.url, "odd")

    (info,) = await sources.describe(repo.url, [commit])

    author, seconds, message = said
    date = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    assert info == RevisionInfo(author, date, message)


async def test_nothing_is_asked_of_a_server(sources: GitSources, repo: GitRepo, server: GitServer) -> None:
    url = server.url(repo.path.name)
    commit = await sources.commit(url, "main")
    asked = len(server.seen)

    (here, gone) = await sources.describe(url, [commit, repo.commit({"b": "b"})])

    assert (here.message, gone) == ("a commit", RevisionInfo())
    assert len(server.seen) == asked


CHART = """
apiVersion: v2
name: web
version: 1.1.0
appVersion: "2.0"
description: |
  Serves
  pages.
home: https://web.example.org
maintainers: [{name: Ada, email: ada@example.org}, {name: Bob}, 7]
"""


async def test_a_chart_says_what_its_own_file_says(stack: AsyncExitStack, tmp_path: Path) -> None:
    with ChartRepository() as repository:
        repository.add("web", "1.1.0", {"Chart.yaml": CHART})
        repository.add("web", "1.2.0", {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.0\n" + "# " * 40_000})
        sources = await opened(stack, tmp_path)
        origin = helm(repository)
        commits = [await sources.commit(origin, version) for version in ("1.1.0", "1.2.0")]
        assert list(await sources.describe(origin, commits)) == [RevisionInfo()] * 2  # nothing of them is here yet
        for commit in commits:
            await sources.snapshot(origin, commit)

        chart, large = await sources.describe(origin, commits)

    message = "Serves pages.; app version 2.0; https://web.example.org"
    assert chart == RevisionInfo("Ada <ada@example.org>, Bob", None, message, ("1.1.0",))
    assert large == RevisionInfo()


async def test_an_artifact_says_what_its_annotations_say(stack: AsyncExitStack, tmp_path: Path) -> None:
    said = {"authors": "Ada", "created": "2026-01-02T03:04:05Z", "title": "app", "version": "1.2.3"}
    with Registry() as registry:
        plain = registry.push_files("team/app", "plain", {"a.yaml": "a: 1\n"})
        packed = registry.contents()
        layer = next(text for text in packed.values() if text[:2] == b"\x1f\x8b")
        annotations = {f"org.opencontainers.image.{key}": value for key, value in said.items()}
        kind = "application/vnd.oci.image.layer.v1.tar+gzip"
        told = registry.push("team/app", "main", [(kind, layer)], annotations={**annotations, "own": "x"})
        sources = await opened(stack, tmp_path)
        origin = registry.url("team/app")
        for revision in ("main", "plain"):
            await sources.snapshot(origin, await sources.commit(origin, revision))

        first, second = await sources.describe(origin, [told, plain])

    assert first == RevisionInfo("Ada", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "app", ("1.2.3", "main"))
    assert second == RevisionInfo()
