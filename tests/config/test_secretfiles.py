"""Files with secrets that others may read are warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from gitopsd.config import Config, load
from gitopsd.core.filemode import FileOwner, exposure
from tests.config.writing import loaded
from tests.sources.certificates import Authority

ME, OTHER, ROOT = 1000, 999, 0
KUBECONFIG: Final = """
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "https://10.0.0.1:6443"}}]
users: [{name: a, user: %s}]
"""


@pytest.mark.parametrize(
    ("file", "uid", "said"),
    [
        (FileOwner(0o600, ME, ME), ME, ""),
        (FileOwner(0o400, ROOT, ROOT), ROOT, ""),
        (FileOwner(0o644, ME, ME), ME, "everybody may read it"),
        (FileOwner(0o644, ROOT, ROOT), ME, "everybody may read it"),
        (FileOwner(0o602, ME, ME), ME, "everybody may change it"),
        (FileOwner(0o620, ME, ME), ME, "its group may change it"),
        (FileOwner(0o640, ME, ME), ME, "its group may read it"),
        # Root gives it to the service's group: seen by the service, and by root.
        (FileOwner(0o640, ROOT, ME), ME, ""),
        (FileOwner(0o640, ROOT, ME), ROOT, ""),
        (FileOwner(0o640, ROOT, ROOT), ROOT, "its group may read it"),
        (FileOwner(0o100600, OTHER, OTHER), ME, ""),
    ],
)
def test_who_else_may_do_what_with_a_file(file: FileOwner, uid: int, said: str) -> None:
    assert exposure(file, uid=uid) == said


def test_each_kind_of_secret_file_is_warned_of_with_the_command_that_closes_it(tmp_path: Path) -> None:
    pair = Authority("one")
    main = """
state: {keyFile: state.key}
clusters:
  - {name: a, kubeconfig: ./kubeconfig}
  - {name: b, server: "https://10.0.0.1", tokenFile: token, ca: {file: ca}}
repositories:
  - {url: https://git.example.org/a.git, username: u, password: {file: password}, ca: {file: ca}}
  - {url: git@git.example.org:b, sshPrivateKey: {file: ssh}}
repositoryCredentials:
  - {url: https://git.example.org/team, username: u, password: {file: team}}
sops: {ageKeys: [{key: {file: age}}]}
"""
    secret = {"kubeconfig", "token", "password", "ssh", "team", "age", "state.key", "client.key"}
    files = {
        "kubeconfig": KUBECONFIG % "{token: t, client-key: client.key}",
        **dict.fromkeys(("token", "password", "team"), "x"),
        **dict.fromkeys(("ssh", "age"), "-----BEGIN OPENSSH PRIVATE KEY-----"),
        "ca": pair.pem,
    }
    (tmp_path / "state.key").write_bytes(b"k" * 32)
    (tmp_path / "client.key").write_text("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    for name in ("state.key", "client.key"):
        (tmp_path / name).chmod(0o600)
    closed = loaded(tmp_path, main, **files)
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    opened = load(str(tmp_path / "gitopsd.yaml"), environ={})
    assert {Path(path).name for path in closed.secret_files} == secret
    assert named(opened) - named(closed) == secret
    assert (
        f"{tmp_path}/token: it holds a secret, and everybody may read it (mode 0644). Try: chmod 600 {tmp_path}/token"
        in (opened.warnings)
    )


def named(config: Config) -> set[str]:
    """The names of the files that are warned of."""
    return {Path(each.partition(": it holds")[0]).name for each in config.warnings if "holds a secret" in each}


@pytest.mark.parametrize(
    ("password", "warned"),
    [("plain", True), ("'${PASSWORD}'", False), ("{file: password}", False), ("{credential: p}", False)],
)
def test_the_main_file_counts_only_if_a_secret_stands_in_it(tmp_path: Path, password: str, warned: bool) -> None:
    environ = {"PASSWORD": "x", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    main = f"repositories: [{{url: https://git.example.org/a.git, username: u, password: {password}}}]"
    loaded(tmp_path, main, environ, password="x", p="x")
    (tmp_path / "gitopsd.yaml").chmod(0o644)
    (tmp_path / "p").chmod(0o644)  # systemd's own folder is its own affair
    config = load(str(tmp_path / "gitopsd.yaml"), environ=environ)
    assert named(config) == ({"gitopsd.yaml"} if warned else set())


def test_a_kubeconfig_without_a_secret_and_a_volume_of_the_kubelet_are_not_warned_of(tmp_path: Path) -> None:
    main = "clusters: [{name: a, kubeconfig: ./kubeconfig}, {name: b, server: 'https://10.0.0.1', tokenFile: v/token}]"
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "..2026_01").mkdir()
    (tmp_path / "v" / "..2026_01" / "token").write_text("t", encoding="utf-8")
    (tmp_path / "v" / "..data").symlink_to("..2026_01")
    (tmp_path / "v" / "token").symlink_to("..data/token")
    loaded(tmp_path, main, kubeconfig=KUBECONFIG % "{exec: {command: aws}}")
    (tmp_path / "kubeconfig").chmod(0o644)
    assert named(load(str(tmp_path / "gitopsd.yaml"), environ={})) == set()
