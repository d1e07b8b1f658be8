"""Which repositories may be named where."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitopsd.config import ConfigErrors
from tests.config.writing import LOCAL, loaded

HOSTILE = [
    "--upload-pack=x",
    "ext::sh -c x",
    "ssh://-oProxyCommand=x/",
    "-oProxyCommand=x:y",
    "git@-oProxyCommand=x:y",
    "file:///etc",
    "file://host/etc",
    "FILE:///etc",
    "file:/etc",
    "file:///srv/git/../../etc",
    "file:///srv/git/%2e%2e/%2e%2e/etc",
    "/",
    "/etc",
    "//etc",
    "/srv/git",
    "/srv/git/../../etc",
    "javascript://x%0aalert(1)//y",
    "data:text/html,x",
    "https://git.example.org/a.git;touch /tmp/x",
    "https://git.example.org/$(id)",
    "https://git.example.org/a\nb",
    "",
]


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("included", [False, True])
def test_G4_hostile_addresses_are_refused(tmp_path: Path, address: str, included: bool) -> None:  # the row's own name
    entry = json.dumps([{"name": "a", "source": {"repoURL": address}, "destination": {"name": "local"}}])
    main = LOCAL + "git: {localRoots: [/srv/git]}\n"
    main += "include: ['*.list']\n" if included else f"applications: {entry}\n"
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, main, **({"a.list": entry} if included else {}))
    (error,) = caught.value.errors
    assert "repoURL cannot be used" in error.what


@pytest.mark.parametrize("address", ["javascript://x%0aalert(1)//y", "vbscript:x", "//git.example.org/a"])
def test_X2_repositories_have_one_of_our_schemes(tmp_path: Path, address: str) -> None:  # the row's own name
    with pytest.raises(ConfigErrors):
        loaded(tmp_path, f"repositories: [{{url: '{address}'}}]")


def url_of(folder: Path, address: str, *, main: str = "", included: bool = False) -> str:
    entry = f"[{{name: a, source: {{repoURL: '{address}'}}, destination: {{name: local}}}}]"
    if included:
        config = loaded(folder, LOCAL + main + "include: ['sub/*.list']\n", **{"sub/a.list": entry})
    else:
        config = loaded(folder, f"{LOCAL}{main}applications: {entry}\n")
    return config.applications[0].sources[0].repo_url


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.org/a.git",
        "https://org@git.example.org/a.git",
        "http://git.example.org:8080/a",
        "ssh://git@git.example.org:2222/a.git",
        "git@git.example.org:team/a.git",
    ],
)
def test_remote_addresses_stay_as_they_are_written(tmp_path: Path, address: str) -> None:
    assert url_of(tmp_path, address) == address


def test_G4_relative_paths_of_the_main_file_are_the_administrators_word(tmp_path: Path) -> None:  # the row's own name
    assert url_of(tmp_path, "../repos/a.git") == f"file://{tmp_path.parent}/repos/a.git"
    assert url_of(tmp_path, "./with space") == f"file://{tmp_path}/with%20space"


def test_G4_other_local_paths_lie_below_a_root(tmp_path: Path) -> None:  # the row's own name
    roots = f"git: {{localRoots: ['{tmp_path}/repos']}}\n"
    wanted = f"file://{tmp_path}/repos/a.git"
    assert url_of(tmp_path, f"{tmp_path}/repos/a.git", main=roots) == wanted
    assert url_of(tmp_path, wanted, main=roots) == wanted
    assert url_of(tmp_path, "../repos/a.git", main=roots, included=True) == wanted
    for outside in (f"{tmp_path}/repos", f"{tmp_path}/repos-of-others/a.git", f"{tmp_path}/repos/../a.git"):
        with pytest.raises(ConfigErrors):
            url_of(tmp_path, outside, main=roots)


def test_G4_other_local_paths_may_be_declared(tmp_path: Path) -> None:  # the row's own name
    declared = "repositories: [{url: ./repos/a.git}]\n"
    assert url_of(tmp_path, "../repos/a.git", main=declared, included=True) == f"file://{tmp_path}/repos/a.git"
    with pytest.raises(ConfigErrors):
        url_of(tmp_path, "../repos/b.git", main=declared, included=True)


def test_G4_a_link_below_a_root_does_not_lead_out(tmp_path: Path) -> None:  # the row's own name
    (tmp_path / "repos").mkdir()
    (tmp_path / "secret.git").mkdir()
    os.symlink(tmp_path / "secret.git", tmp_path / "repos" / "a.git")
    with pytest.raises(ConfigErrors):
        url_of(tmp_path, f"{tmp_path}/repos/a.git", main=f"git: {{localRoots: ['{tmp_path}/repos']}}\n")
