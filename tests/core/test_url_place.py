"""One URL lies below another by whole segments, on the same server."""

from __future__ import annotations

import pytest

from gitopsd.core.repo_url import BadUrlError
from gitopsd.core.url_place import place_of, split_user


@pytest.mark.parametrize(
    ("prefix", "url", "covers"),
    [
        ("https://h/team", "https://h/team/app.git", True),
        ("https://h/team/", "https://h/team/app", True),
        ("https://h/team", "https://h/team", True),
        ("https://h/team/app", "https://h/team/app.git", True),
        ("https://h/team", "https://h/teamster/app.git", False),
        ("https://h/team", "https://h/Team/app.git", False),
        ("https://h", "https://h/team/app.git", True),
        ("https://h", "https://h.evil.example/team/app.git", False),
        ("https://h", "https://H/team", True),
        ("https://h:443", "https://h/team", True),
        ("https://h:8443", "https://h/team", False),
        ("https://h", "http://h/team", False),
        ("https://h", "https://u@h/team", True),
        ("git@h:team", "git@h:team/app.git", True),
        ("git@h:team", "ssh://git@h/team/app.git", True),
        ("git@h:", "git@h:team/app.git", True),
        ("ssh://git@h", "git@h:team/app.git", True),
        ("git@h:team", "git@h:teamster/app.git", False),
        ("oci://h/charts", "oci://h/charts/app", True),
        ("oci://h", "oci://h/charts/app", True),
        ("oci://h:5000", "oci://h:5000/charts/app", True),
        ("oci://h", "oci://h:5000/charts/app", False),
        ("oci://h/charts", "oci://h/charts-of-others/app", False),
        ("oci://h", "https://h/charts", False),
    ],
)
def test_S15_a_prefix_covers_whole_segments_of_the_same_server(prefix: str, url: str, *, covers: bool) -> None:
    assert place_of(prefix).covers(place_of(url)) is covers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "h",
        "https://h/a/../b",
        "https://h/?x=y",
        "oci://u:p@h/x",
        "oci://",
        "ftp://h",
        "https://h/%2e%2e/b",
    ],
)
def test_what_is_no_url_has_no_place(url: str) -> None:
    with pytest.raises(BadUrlError):
        place_of(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://h:6443/path", ("https://h:6443/path", "", "")),
        ("https://user:p%40ss@h:6443/a@b", ("https://h:6443/a@b", "user", "p@ss")),
        ("https://token@[::1]/", ("https://[::1]/", "token", "")),
        ("https://a@b:c@h", ("https://h", "a@b", "c")),
        ("h@k", ("h@k", "", "")),
    ],
)
def test_user_info_is_parted_from_a_url(url: str, parts: tuple[str, str, str]) -> None:
    assert split_user(url) == parts
