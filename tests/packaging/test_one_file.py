"""The one file: it unpacks itself once, whatever happens meanwhile, and then is the program itself.

What needs no frozen program is tested beside the launcher (packaging/launcher).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.packaging import built
from tools.golang import program

pytestmark = pytest.mark.timeout(built.SECONDS)
FAILED, BAD_INPUT = 1, 2


@pytest.fixture(scope="module")
def gitopsd() -> Path:
    return built.one_file()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which it is unpacked already, once for all tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def mounted(tmp_path: Path) -> Callable[..., list[str | Path]]:
    """Run a command where a file system with such options is mounted on `tmp_path/disk`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    works = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", disk], check=False, capture_output=True)
    if works.returncode != 0:
        pytest.skip("only root can mount a file system")

    def command(options: str, *told: str | Path) -> list[str | Path]:
        script = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, "sh", options, disk, *told]

    return command


def runtimes(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "gitopsd").glob("*-*"))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        os.sched_yield()


def test_the_digest_beside_it_is_its_own(gitopsd: Path) -> None:
    digest = hashlib.sha256(gitopsd.read_bytes()).hexdigest()
    assert gitopsd.with_name("gitopsd.sha256").read_text() == f"{digest}  gitopsd\n"


def test_the_first_start_unpacks_and_the_others_start_at_once(gitopsd: Path, tmp_path: Path) -> None:
    home, taken = tmp_path / "home", []
    for _ in range(4):
        started = time.monotonic()
        done = built.run([gitopsd, "version"], home)
        taken.append(time.monotonic() - started)
        assert done.stdout.startswith("gitopsd "), done.stderr
    assert len(runtimes(home)) == 1
    # 1.5 s on an idle machine; a disk that is busy with other tests takes its time.
    assert taken[0] < 15
    assert min(taken[1:]) < 1.5


def test_exit_codes_and_streams_are_the_programs_own(gitopsd: Path, home: Path) -> None:
    done = built.run([gitopsd, "no-such-command"], home)
    assert done.returncode == BAD_INPUT
    assert "no-such-command" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def daemon(gitopsd: Path, home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`gitopsd run` without applications, when it answers."""
    config = tmp_path / "gitopsd.yaml"
    config.write_text("server: {listen: 127.0.0.1:0}\n")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [gitopsd, "run", "--config", config], env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, stderr=log
        )
    try:
        socket = tmp_path / "state" / "gitopsd.sock"
        until(lambda: socket.exists() or process.poll() is not None, "it did not become ready")
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_process_that_was_started_is_the_daemon(daemon: subprocess.Popen[bytes], home: Path) -> None:
    running = os.readlink(f"/proc/{daemon.pid}/exe")
    assert running == str(runtimes(home)[0] / "gitopsd")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=30) == 0


def test_what_a_daemon_runs_from_is_not_removed_by_another_version(
    daemon: subprocess.Popen[bytes], gitopsd: Path, home: Path, tmp_path: Path
) -> None:
    (used,) = runtimes(home)
    unused = used.with_name("runtime-unused")
    unused.mkdir()
    other = another_version(tmp_path)
    assert built.run([other, "version"], home).returncode == 0
    assert used in runtimes(home)
    assert unused not in runtimes(home)
    daemon.terminate()
    daemon.wait(timeout=30)
    shutil.rmtree(next(path for path in runtimes(home) if path != used))
    assert built.run([other, "version"], home).returncode == 0
    assert used not in runtimes(home)


def another_version(folder: Path) -> Path:
    """Something small, packed by the same launcher."""
    content = folder / "content"
    content.mkdir()
    (content / "gitopsd").write_text("#!/bin/sh\n")
    (content / "gitopsd").chmod(0o755)
    subprocess.run([program("launcher").destination, "pack", content, folder / "another"], check=True)
    return folder / "another"


def test_two_starts_at_once_unpack_once(gitopsd: Path, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    both = [subprocess.Popen([gitopsd, "version"], env=environ, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate(timeout=60)[0][:8] for process in both] == [b"gitopsd "] * 2
    assert [path.name.partition("-")[0] for path in runtimes(tmp_path)] == ["runtime"]


def test_killed_in_the_middle_of_unpacking_the_next_start_does_it_anew(gitopsd: Path, tmp_path: Path) -> None:
    process = subprocess.Popen([gitopsd, "version"], env={"HOME": str(tmp_path)}, stdout=subprocess.DEVNULL)
    until(lambda: any(any(path.iterdir()) for path in runtimes(tmp_path)), "it unpacks nothing")
    process.kill()
    process.wait()
    (left,) = runtimes(tmp_path)
    assert left.name.startswith("unpacking-")
    assert built.run([gitopsd, "version"], tmp_path).returncode == 0
    assert [path.name.partition("-")[0] for path in runtimes(tmp_path)] == ["runtime"]


def test_a_damaged_runtime_is_made_anew(gitopsd: Path, tmp_path: Path) -> None:
    assert built.run([gitopsd, "version"], tmp_path).returncode == 0
    (runtime,) = runtimes(tmp_path)
    os.truncate(next(runtime.glob("_internal/libpython*.so*")), 1000)
    assert built.run([gitopsd, "version"], tmp_path).returncode == 0
    assert runtimes(tmp_path) == [runtime]


def test_a_file_that_was_not_copied_whole_says_so(gitopsd: Path, tmp_path: Path) -> None:
    broken = tmp_path / "gitopsd"
    shutil.copy(gitopsd, broken)
    with broken.open("r+b") as file:
        file.seek(30_000_000)
        file.write(b"not what was packed")
    done = built.run([broken, "version"], tmp_path / "home")
    assert done.returncode == FAILED
    assert "damaged" in done.stderr
    os.truncate(broken, 30_000_000)
    done = built.run([broken, "version"], tmp_path / "home")
    assert done.returncode == FAILED
    assert done.stderr.startswith("gitopsd: this file is damaged (cut short?)")
    assert runtimes(tmp_path / "home") == []


Mounted = Callable[..., Sequence[str | Path]]


def test_a_home_that_cannot_be_written_to_is_passed_over(gitopsd: Path, mounted: Mounted, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environ = {"XDG_CACHE_HOME": str(tmp_path / "disk"), "TMPDIR": str(temporary)}
    done = built.run(mounted("ro", gitopsd, "version"), tmp_path / "home", environ)
    assert done.returncode == 0, done.stderr
    assert len(list(temporary.glob(f"gitopsd-{os.geteuid()}/runtime-*"))) == 1


@pytest.mark.parametrize(
    ("options", "why"), [("noexec", "noexec"), ("ro", "read-only"), ("size=60m", "MB are free there")]
)
def test_a_chosen_folder_that_will_not_do_is_named_with_the_reason(
    gitopsd: Path, mounted: Mounted, tmp_path: Path, options: str, why: str
) -> None:
    chosen = tmp_path / "disk" / "runtime"
    done = built.run(mounted(options, gitopsd, "version"), tmp_path / "home", {"GITOPSD_RUNTIME_DIR": str(chosen)})
    assert done.returncode == FAILED
    assert str(chosen) in done.stderr
    assert why in done.stderr
    assert "set GITOPSD_RUNTIME_DIR" in done.stderr


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may look into, which those below `tmp_path` are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_folder_of_that_name_is_not_run(gitopsd: Path, public: Path) -> None:
    temporary = public / "temporary"
    temporary.mkdir()
    temporary.chmod(0o1777)
    copy = public / "gitopsd"
    shutil.copy(gitopsd, copy)
    (temporary / "gitopsd-4242").mkdir(mode=0o755)  # root's, made beforehand
    attacked: list[str | Path] = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", copy, "version"]
    environ = {"HOME": "/nonexistent", "TMPDIR": str(temporary)}
    done = subprocess.run(
        attacked, env={"PATH": "/usr/bin:/bin", **environ}, check=False, capture_output=True, text=True
    )
    assert done.returncode == FAILED
    assert f"{temporary}/gitopsd-4242: others may read it (mode 0755)" in done.stderr
    assert list(temporary.glob("*/runtime-*")) == []
