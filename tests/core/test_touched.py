"""Whose folder a commit touched."""

import pytest

from gitopsd.core.touched import touched


@pytest.mark.parametrize(
    ("folder", "is_touched"),
    [
        ("apps/one", True),
        ("./apps/one/", True),
        ("apps", True),
        (".", True),
        ("", True),
        ("apps/on", False),
        ("apps/one/deep/other", False),
        ("apps/two", False),
    ],
)
def test_a_folder_is_touched_by_what_changed_in_it(folder: str, *, is_touched: bool) -> None:
    assert touched(["apps/one/deep/a.yaml"], {"app": [folder]}) == (["app"] if is_touched else [])


def test_one_of_several_folders_is_enough() -> None:
    assert touched(["b/x"], {"both": ["a", "b"], "neither": ["c"]}) == ["both"]


def test_nothing_changed_touches_nobody() -> None:
    assert touched([], {"app": ["."]}) == []
