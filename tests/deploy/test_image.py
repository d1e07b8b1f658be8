"""The container image: what is in it, how large it is, and that it runs read only as its own user."""

from __future__ import annotations

import filecmp
import json
import os
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import yaml
from anyio.streams.buffered import BufferedByteReceiveStream

from gitopsd import __version__
from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.cluster_fixture import ApiServer, api_server
from tests.deploy import container
from tests.deploy.accounts import Account
from tests.deploy.container import ACCOUNT, Container, Mounted
from tools import binary, image
from tools.epoch import epoch
from tools.image import CONTAINERFILE
from tools.image_root import CERTIFICATES, USER, write_root

__all__ = ["api_server"]

pytestmark = [
    pytest.mark.timeout(container.SECONDS),
    pytest.mark.skipif(bool(container.missing()), reason=container.missing() or "everything is there"),
]
MEGABYTE = 1_000_000
LARGEST = 200 * MEGABYTE


@pytest.fixture(scope="module")
def layout() -> Path:
    assert image.main([]) == 0
    return image.LAYOUT


@pytest.fixture(scope="module")
def root(layout: Path) -> Iterator[Path]:
    with _open_folder() as folder:
        yield container.unpack(layout, folder / "root")


@pytest.fixture
def place() -> Iterator[Path]:
    with _open_folder() as folder:
        yield folder


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A folder that another user may look into, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="gitopsd-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_it_is_at_most_200_megabytes_even_unpacked(layout: Path) -> None:
    told = image.sizes()
    assert told.compressed < LARGEST / 2
    assert told.unpacked < LARGEST


def test_it_runs_as_a_user_of_its_own_and_says_what_it_is(layout: Path) -> None:
    told = container.config_of(layout)["config"]
    assert told["User"] == f"{USER}:{USER}"
    assert told["Entrypoint"] == ["/usr/bin/gitopsd"]
    assert told["Cmd"] == ["run", "--config", "/etc/gitopsd/gitopsd.yaml"]
    assert set(told["Volumes"]) == {"/var/lib/gitopsd", "/var/cache/gitopsd"}
    assert set(told["ExposedPorts"]) == {"8080/tcp"}
    assert told["Labels"]["org.opencontainers.image.version"] == __version__


def test_the_one_that_is_built_in_debians_image_says_the_same_of_itself() -> None:
    def said(name: str) -> str:
        last = (CONTAINERFILE.parent / name).read_text(encoding="utf-8").rpartition("FROM scratch")[2]
        kept = [line for line in last.splitlines() if not line.startswith(("#", "ADD root.tar", "COPY --from=build"))]
        return "\n".join(kept)

    assert said("Containerfile.debian") == said("Containerfile")


def test_it_has_no_shell_nothing_of_another_user_and_nothing_that_runs_as_root(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and ".so" not in path.name]
    assert {path.name for path in files if path.stat().st_mode & 0o111} == {"gitopsd", "gitopsd-engine", "gitopsd-sops"}
    found = {path: path.lstat() for path in root.rglob("*")}
    assert not [path for path, told in found.items() if told.st_mode & (stat.S_ISUID | stat.S_ISGID)]
    owned = {str(path.relative_to(root)) for path, told in found.items() if told.st_uid != 0}
    assert owned == {"var/lib/gitopsd", "var/cache/gitopsd", "run/gitopsd"}
    writable = {
        str(path.relative_to(root))
        for path, told in found.items()
        if not stat.S_ISLNK(told.st_mode) and told.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    }
    assert writable == {"tmp"}


def test_two_builds_are_the_same_byte_for_byte(layout: Path, tmp_path: Path) -> None:
    write_root(binary.BUNDLE, tmp_path / "again.tar", epoch())
    assert filecmp.cmp(tmp_path / "again.tar", image.ROOT_TAR, shallow=False)
    # What buildah makes of it is the same for a small one, and quicker told.
    small = tmp_path / "small.tar"
    with tarfile.open(small, "w") as tar:
        tar.add(CONTAINERFILE, "etc/one")
    for name in ("first", "second"):
        image.build_image(small, tmp_path / name)
    assert (tmp_path / "first" / "index.json").read_bytes() == (tmp_path / "second" / "index.json").read_bytes()


def test_it_tells_its_version_and_checks_a_configuration(root: Path, place: Path) -> None:
    config = place / "config"
    config.mkdir()
    (config / "gitopsd.yaml").write_text("server: {listen: ':8080'}\nclusters: [{name: here, inCluster: true}]\n")
    runs = Container(root, mounts={"/etc/gitopsd": config})
    told = _run(runs, "version", "--all", "-o", "json")
    assert json.loads(told.stdout)["engine"].startswith(__version__)
    checked = _run(runs, "config", "check", "--config", "/etc/gitopsd/gitopsd.yaml")
    assert checked.returncode == 0, checked.stderr


def test_it_trusts_the_certificates_of_its_bundle_and_no_others(root: Path, api_server: ApiServer, place: Path) -> None:
    account = Account.create(api_server, "image")
    bundle = place / "bundle.crt"
    bundle.write_text(account.authority)
    config = Mounted(place / "config")
    reached = {"name": "there", "server": api_server.server, "token": account.token()}
    config.put({"gitopsd.yaml": yaml.safe_dump({"server": {"listen": "127.0.0.1:0"}, "clusters": [reached]})})
    doctor = ("admin", "doctor", "--config", "/etc/gitopsd/gitopsd.yaml")
    shipped = _run(Container(root, mounts={"/etc/gitopsd": config.folder}), *doctor)
    assert "certificate" in shipped.stdout
    assert "its API server answers" not in shipped.stdout
    ours = {"/etc/gitopsd": config.folder, f"/{CERTIFICATES}": bundle}
    assert "its API server answers" in _run(Container(root, mounts=ours), *doctor).stdout


async def test_it_syncs_from_a_configmap_by_its_service_account_whose_token_is_replaced(
    root: Path, api_server: ApiServer, place: Path
) -> None:
    repo = GitRepo(place / "served" / "app.git")
    repo.commit({"app/one.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n"})
    account = Account.create(api_server, "image")
    account.bind("cluster-admin")
    secrets = Mounted(place / "account")
    secrets.put(account.files())
    config = Mounted(place / "config")
    applications = Mounted(place / "config" / "applications.d")
    with GitServer(place / "served") as server:
        config.put({"gitopsd.yaml": MAIN})
        applications.put({"image.yaml": _application("image-one", server.url("app.git"))})
        runs = Container(
            root,
            mounts={"/etc/gitopsd": config.folder, f"/{ACCOUNT}": secrets.folder},
            volumes={"/var/lib/gitopsd": _claimed(place / "state")},
            environ=account.environ(),
        )
        async with _daemon(runs) as lines:
            await lines.until("status", "image-one", "Healthy")
            # As `kubectl exec` does: the socket is found without being named.
            listed = await anyio.to_thread.run_sync(_run, runs, "app", "list")
            assert "image-one" in listed.stdout, listed.stderr
            applications.put(
                {
                    "image.yaml": _application("image-one", server.url("app.git")),
                    "more.yaml": _application("image-two", server.url("app.git")),
                }
            )
            await lines.until("status", "image-two", "Healthy")
            secrets.put(account.files(renewed=True))
            repo.commit({"app/two.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n"})
            await lines.until("synced", "image-two")
    status, _ = api_server.request("GET", "/api/v1/namespaces/image-two/configmaps/two")
    assert status == 200


MAIN = """
server: {listen: "127.0.0.1:0"}
state: {dir: /var/lib/gitopsd/state, cacheDir: /var/cache/gitopsd/cache}
reconcile: {refreshInterval: 1s, jitter: 0s}
clusters: [{name: in-cluster, inCluster: true}]
include: [applications.d/*.yaml]
log: {level: debug, format: json}
"""


def _application(name: str, url: str) -> str:
    entry: dict[str, Any] = {
        "name": name,
        "source": {"repoURL": url, "targetRevision": "main", "path": "app"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
        "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]},
    }
    return yaml.safe_dump([entry])


class _Lines:
    """The log of a daemon, line by line."""

    def __init__(self, stream: BufferedByteReceiveStream) -> None:
        self._stream = stream
        self._seen: list[str] = []

    async def until(self, event: str, *words: str, seconds: float = 60) -> None:
        """Wait for a line of an event with all of the words."""
        try:
            with anyio.fail_after(seconds):
                while True:
                    line = (await self._stream.receive_until(b"\n", 1 << 20)).decode()
                    self._seen.append(line)
                    if f'"event":"{event}"' in line.replace(" ", "") and all(word in line for word in words):
                        return
        except (TimeoutError, anyio.IncompleteRead):
            raise AssertionError(f"no {event} {words}:\n" + "\n".join(self._seen[-30:])) from None


@asynccontextmanager
async def _daemon(runs: Container) -> AsyncIterator[_Lines]:
    process = await anyio.open_process(
        runs.command("run", "--config", "/etc/gitopsd/gitopsd.yaml"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        yield _Lines(BufferedByteReceiveStream(process.stderr))
    finally:
        with anyio.CancelScope(shield=True):
            process.terminate()
            with anyio.move_on_after(15):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()


def _run(runs: Container, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        runs.command(*arguments), check=False, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=60
    )


def _claimed(folder: Path) -> Path:
    """A volume as the kubelet hands it out with `fsGroup`: root's, and the group may write to it."""
    folder.mkdir()
    os.chown(folder, 0, USER)
    folder.chmod(0o2775)
    return folder
