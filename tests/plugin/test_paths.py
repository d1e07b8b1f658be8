from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitopsd.core.errors import RenderError
from gitopsd.plugin import Read, ReadKind, resolve_path


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A snapshot with links inside, out, and in a circle; a secret beside it."""
    (tmp_path / "secret").write_text("canary")
    here = tmp_path / "root"
    (here / "a/b").mkdir(parents=True)
    (here / "a/b/file").write_text("x")
    for link, target in {
        "inside": "a/b",
        "a/up": "../a/b/file",
        "absolute": "/etc",
        "out": "../secret",
        "a/deep": "b/../../../secret",
        "one": "two",
        "two": "one",
        "dangling": "a/nothing",
        "chain": "inside/file",
    }.items():
        os.symlink(target, here / link)
    return str(here)


@pytest.mark.parametrize(
    ("base", "named", "found"),
    [
        (".", "a/b/file", "a/b/file"),
        ("a", "b/../b//./file", "a/b/file"),
        ("a/b", "/a/b/file", "a/b/file"),
        ("a/b", "../../a/up", "a/b/file"),
        (".", "chain", "a/b/file"),
        (".", "inside/../b/file", "a/b/file"),
    ],
)
def test_a_path_is_followed_to_the_file_behind_all_links(root: str, base: str, named: str, found: str) -> None:
    resolved = resolve_path(root, named, base=base)
    assert (resolved.path, resolved.is_file) == (found, True)


@pytest.mark.parametrize("named", ["", ".", "/", "a/..", "inside/../.."])
def test_the_root_itself_is_a_folder(root: str, named: str) -> None:
    assert resolve_path(root, named).path == "."
    assert resolve_path(root, named).is_dir


@pytest.mark.parametrize(
    "named",
    [
        "..", "../secret", "a/../../secret", "/../secret", "out", "absolute", "absolute/passwd", "a/deep",
        "inside/../../..",
        "file:///etc/passwd", "https://host/x", "a\x00b", "a\nb", "a" * 5000,
    ],
)  # fmt: skip
def test_P1_a_path_that_leaves_the_repository_is_refused(root: str, named: str) -> None:
    with pytest.raises(RenderError, match=r"leaves the repository|is not a path") as caught:
        resolve_path(root, named, what="valueFiles")
    assert "canary" not in str(caught.value)
    assert "valueFiles" in str(caught.value)


def test_P7_links_in_a_circle_end_in_an_error(root: str) -> None:
    with pytest.raises(RenderError, match="in a circle"):
        resolve_path(root, "one/x")


def test_every_link_and_the_first_missing_part_count_as_reads(root: str) -> None:
    assert resolve_path(root, "chain").reads == (Read("chain", ReadKind.FILE), Read("inside", ReadKind.FILE))
    missing = resolve_path(root, "inside/x/y")
    assert (missing.path, missing.exists) == ("a/b/x", False)
    assert missing.reads == (Read("inside", ReadKind.FILE), Read("a/b/x", ReadKind.MISSING))
    assert resolve_path(root, "dangling").reads[-1] == Read("a/nothing", ReadKind.MISSING)


def test_a_file_is_no_folder_to_go_through(root: str) -> None:
    assert not resolve_path(root, "a/b/file/x").exists
