"""Where the daemon's socket is looked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gitopsd.cli.endpoint import find_socket, state_folder
from gitopsd.cli.failures import BadInputError, NoDaemonError
from gitopsd.config import load

HOME = {"HOME": "/home/me"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_named_socket_comes_first() -> None:
    assert find_socket("here.sock", "c.yaml", {"GITOPSD_SOCKET": "there.sock"}) == "here.sock"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:8080", "localhost:80", ":8080", "http://x", "unix:///run/a"])
def test_an_address_is_told_from_the_path_that_a_socket_has(address: str) -> None:
    for named, environ in ((address, {}), ("", {"GITOPSD_SOCKET": address})):
        with pytest.raises(BadInputError, match=r"is a file, no address.*/run/gitopsd/gitopsd\.sock"):
            find_socket(named, "", environ)


def test_a_socket_whose_name_looks_like_an_address_is_one() -> None:
    Path("a:1").touch()
    assert find_socket("a:1", "", {}) == "a:1"


def test_then_the_configuration_then_the_environment(tmp_path: Path) -> None:
    Path("c.yaml").write_text("state: {dir: mine}\n", encoding="utf-8")
    environ = {"GITOPSD_SOCKET": "there.sock"}
    assert find_socket("", "c.yaml", environ) == str(tmp_path / "mine" / "gitopsd.sock")
    assert find_socket("", "", environ) == "there.sock"


def test_then_the_usual_places() -> None:
    Path("state").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("state/gitopsd.sock")
        assert find_socket("", "", {}) == "./state/gitopsd.sock"


def test_a_file_that_is_no_socket_is_passed_over() -> None:
    Path("state").mkdir()
    Path("state/gitopsd.sock").touch()
    with pytest.raises(NoDaemonError, match="no daemon found") as found:
        find_socket("", "", {})
    assert "--socket PATH" in found.value.hint


def test_a_path_that_the_kernel_cannot_hold_is_said_so() -> None:
    with pytest.raises(BadInputError, match="107 bytes"):
        find_socket("x" * 108, "", {})


@pytest.mark.parametrize(
    "text",
    [
        "clusters: []\n",
        "state: {dir: ./mine}\n",
        "applications: []\nserver: {listen: ':0'}\nstate:\n  cacheDir: dir\n  dir: ~/mine\n",
        "state: {dir: /var/lib/x/../y}\n",
        "state:\n  cacheDir: x\n",
        "log: {level: info}\n---\n",
        "&a state: &b {&c dir: &d mine}\n",
    ],
)
def test_the_state_folder_is_the_one_that_the_daemon_uses(text: str) -> None:
    Path("c.yaml").write_text(text, encoding="utf-8")
    try:
        expected = load("c.yaml", environ=HOME).state_dir
    except Exception:  # noqa: BLE001 (an alias or a second document may be refused there: no answer to compare with)
        return
    assert state_folder("c.yaml", HOME, instead="") == expected


def test_keys_of_other_mappings_are_not_taken_for_it() -> None:
    text = "applications: [{state: {dir: no}}]\nx: {state: {dir: no}}\n"
    text += "state: {a: {dir: no}, b: [dir, no], dir: yes-here}\n"
    Path("c.yaml").write_text(text, encoding="utf-8")
    assert os.path.basename(state_folder("c.yaml", {}, instead="")) == "yes-here"


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xff", b"\x00"])
def test_a_configuration_that_is_no_yaml(content: bytes) -> None:
    Path("c.yaml").write_bytes(content)
    with pytest.raises(BadInputError, match="YAML"):
        state_folder("c.yaml", {}, instead="")


def test_a_configuration_that_is_not_there() -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        state_folder("none.yaml", {}, instead="")


@pytest.mark.parametrize("broken", ["a: [", None])
def test_with_a_configuration_that_is_broken_the_daemon_is_found_by_its_socket(broken: str | None) -> None:
    if broken is not None:
        Path("c.yaml").write_text(broken, encoding="utf-8")
    with pytest.raises(BadInputError) as refused:
        find_socket("", "c.yaml", {})
    assert "--socket PATH (gitopsd.sock in its state.dir, such as /var/lib/gitopsd/gitopsd.sock)" in refused.value.hint
    assert find_socket("state/gitopsd.sock", "c.yaml", {}) == "state/gitopsd.sock"


def test_a_state_folder_that_a_broken_configuration_does_not_tell_can_be_named() -> None:
    Path("c.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"says where; until then name the folder: --state-dir DIR"):
        state_folder("c.yaml", {}, instead="name the folder: --state-dir DIR")
