"""A state on a disk that is full at the start: what is short is said, and the state can be carried away."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from gitopsd.core.errors import StoreError
from gitopsd.store.archive import verified
from gitopsd.store.failure import as_store_error
from gitopsd.store.revisions import HEAD
from tests.cli.conftest import GITOPSD, Ran
from tests.store.test_restore import fill

DISK = "1048576"
FILLED = """
cp -a "$LIVED/." "$DISK" && { cat /dev/zero > "$DISK/filler"; } 2>/dev/null
printf x >> "$DISK/filler" 2>/dev/null && exit 99
exec "$@"
"""

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bwrap")


@pytest.fixture(params=["ended", "killed"])
def lived(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the folder of a configuration and its state, whose daemon has ended cleanly or was killed."""
    volume = tmp_path / "lived"
    anyio.run(fill, tmp_path / "first")
    with closing(sqlite3.connect(tmp_path / "first" / "state.db")) as connection:
        if request.param == "killed":  # what it wrote last is in the log only
            connection.execute("UPDATE schema_version SET written_by = 'the last words'")
            connection.commit()
        shutil.copytree(tmp_path / "first", volume / "state")
    (volume / "state" / "state.db-shm").unlink(missing_ok=True)
    (volume / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}\n", encoding="utf-8")
    (tmp_path / "out").mkdir()
    return volume


def ran(lived: Path, *arguments: str) -> Ran:
    """Run gitopsd where `lived` is on a full disk; the folder `out` beside it is on another."""
    disk = lived.with_name("disk")
    disk.mkdir(exist_ok=True)
    out = lived.with_name("out")
    sealed = ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--size", DISK, "--tmpfs", str(disk)]
    sealed += ["--setenv", "LIVED", str(lived), "--setenv", "DISK", str(disk), "--setenv", "TMPDIR", str(out)]
    command = [*sealed, "--chdir", str(out), "sh", "-c", FILLED, "sh", GITOPSD, *arguments]
    command += ["--config", str(disk / "gitopsd.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 99, "the disk has room left"
    return Ran(done.returncode, done.stdout, done.stderr)


@needs_bwrap
def test_a_start_on_a_full_disk_asks_for_room_and_for_no_sacrifice(lived: Path) -> None:
    told = ran(lived, "run")
    assert told.code == 1
    assert "no space left" in told.err
    assert "free some space" in told.err
    assert "away" not in told.err


@needs_bwrap
def test_a_state_on_a_full_disk_is_backed_up_to_another(lived: Path) -> None:
    told = ran(lived, "admin", "backup", "b.tar.gz")
    assert (told.code, told.err) == (0, "")
    out = lived.with_name("out")
    assert [each.name for each in out.iterdir()] == ["b.tar.gz"]
    assert verified(out / "b.tar.gz").revision == HEAD
    subprocess.run(["tar", "xzf", "b.tar.gz"], cwd=out, check=True)
    with closing(sqlite3.connect(out / "state.db")) as connection:
        (written_by,) = connection.execute("SELECT written_by FROM schema_version").fetchone()
    assert (written_by == "the last words") is (lived / "state" / "state.db-wal").exists()


@needs_bwrap
def test_the_doctor_asks_for_room_on_a_full_disk(lived: Path) -> None:
    told = ran(lived, "admin", "doctor")
    assert "no space left" in told.out
    assert "make room there" in told.out
    assert "move" not in told.out
    assert "writable" not in told.out


def test_an_error_of_a_disk_that_has_room_is_not_taken_for_a_full_one(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    told = as_store_error(error, tmp_path / "state.db")
    assert isinstance(told, StoreError)
    assert "no space" not in str(told)
    assert "disk I/O error. Try: look at the disk" in str(told)


def test_a_state_that_another_program_has_open_is_not_to_be_moved_away(tmp_path: Path) -> None:
    anyio.run(fill, tmp_path / "state")
    file = tmp_path / "state" / "state.db"
    with closing(sqlite3.connect(file)) as other, closing(sqlite3.connect(file, timeout=0)) as connection:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as refused:
            connection.execute("BEGIN IMMEDIATE")
    told = as_store_error(refused.value, file)
    assert "database is locked. Try: wait for the other program" in str(told)
    assert "away" not in str(told)
    assert told.retryable
