"""Go programs are built once per content, and a build that fails says so."""

import concurrent.futures
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import gobuild
from tools.golang import Go, Program, SetupError, find_go

Tree = tuple[Program, Go]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Return a small program with the Go that builds it, and an empty cache."""
    monkeypatch.setenv("GITOPSD_BUILD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "go.mod").write_text("module small\n\ngo 1.21\n", encoding="utf-8")
    (folder / "main.go").write_text("package main\n\nfunc main() { println(word) }\n", encoding="utf-8")
    _say(folder, "one")
    small = Program("small", folder, tmp_path / "bin" / "small", ldflags="-s -w", tags="", env={"CGO_ENABLED": "0"})
    return small, find_go([small])


def test_it_is_built_once_per_content(tree: Tree) -> None:
    small, go = tree
    assert gobuild.install(small, go)
    first = small.destination.read_bytes()
    assert not gobuild.install(small, go)

    _say(small.folder, "two")
    assert gobuild.install(small, go)
    assert small.destination.read_bytes() != first

    _say(small.folder, "one")
    assert not gobuild.install(small, go), "an older content comes from the shelf"
    assert small.destination.read_bytes() == first


def test_tests_and_pages_do_not_decide_the_binary(tree: Tree) -> None:
    small, go = tree
    before = gobuild.fingerprint(small, go)
    (small.folder / "main_test.go").write_text("package main\n", encoding="utf-8")
    (small.folder / "README.md").write_text("# small\n", encoding="utf-8")
    assert gobuild.fingerprint(small, go) == before
    (small.folder / "embedded.txt").write_text("any other file may be embedded", encoding="utf-8")
    assert gobuild.fingerprint(small, go) != before


def test_a_failed_build_shows_go_s_words_and_keeps_the_old_binary(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    small, go = tree
    gobuild.install(small, go)
    good = small.destination.read_bytes()
    (small.folder / "word.go").write_text("package main\n\nconst word = undefined_word\n", encoding="utf-8")

    assert gobuild.build_all([small], go) == 1

    assert "undefined: undefined_word" in capsys.readouterr().err
    assert small.destination.read_bytes() == good
    assert [path.name for path in _shelf(small) if path.suffix] == []


def test_two_at_once_build_it_once(tree: Tree) -> None:
    small, go = tree
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        built = list(threads.map(lambda _: gobuild.install(small, go), range(2)))
    assert sorted(built) == [False, True]


def test_what_a_killed_build_left_behind_is_removed(tree: Tree) -> None:
    small, go = tree
    gobuild.install(small, go)
    left_behind = _shelf(small)[0].with_name("abc.1.part")
    left_behind.write_bytes(b"half")
    gobuild.install(small, go)
    assert not left_behind.exists()


def test_only_the_newest_builds_are_kept(tree: Tree) -> None:
    small, go = tree
    for word in range(gobuild.KEPT_PER_PROGRAM + 2):
        _say(small.folder, f"word {word}")
        gobuild.install(small, go)
    assert len(_shelf(small)) == gobuild.KEPT_PER_PROGRAM
    assert not gobuild.install(small, go), "the newest is among them"


def test_a_go_that_is_nowhere_is_named(tree: Tree) -> None:
    small, go = tree
    (small.folder / "go.mod").write_text("module small\n\ngo 99.1.2\n", encoding="utf-8")
    with pytest.raises(SetupError, match=r"Go 99\.1\.2 or later is needed .* install it"):
        find_go([small], pinned=lambda: go.command)


def _say(folder: Path, word: str) -> None:
    (folder / "word.go").write_text(f'package main\n\nconst word = "{word}"\n', encoding="utf-8")


def _shelf(small: Program) -> Sequence[Path]:
    return sorted((small.destination.parent.parent / "cache" / small.name).iterdir())
