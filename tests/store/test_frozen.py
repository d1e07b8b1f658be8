"""The state on a volume that is mounted read-only can be looked at and backed up."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from gitopsd.store.archive import verified
from gitopsd.store.revisions import HEAD
from tests.cli.conftest import GITOPSD, Ran
from tests.store.test_restore import fill

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bwrap")


@pytest.fixture(params=["ended", "killed"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the folder of a configuration and its state, whose daemon has ended cleanly or was killed."""
    state = tmp_path / "volume" / "state"
    anyio.run(fill, tmp_path / "lived")
    with closing(sqlite3.connect(tmp_path / "lived" / "state.db")) as connection:
        if request.param == "killed":  # what it wrote last is in the log only
            connection.execute("UPDATE schema_version SET written_by = 'the last words'")
            connection.commit()
        shutil.copytree(tmp_path / "lived", state)
    assert (state / "state.db-wal").exists() is (request.param == "killed")
    (state.parent / "gitopsd.yaml").write_text("server: {listen: '127.0.0.1:0'}\n", encoding="utf-8")
    (tmp_path / "out").mkdir()
    return state.parent


def ran(volume: Path, *arguments: str) -> Ran:
    """Run gitopsd where only the folder `out` beside the volume can be written to."""
    out = volume.with_name("out")
    sealed = ["bwrap", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--bind", str(out), str(out)]
    command = [*sealed, "--setenv", "TMPDIR", str(out), "--chdir", str(out), GITOPSD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_its_revision_is_shown(volume: Path) -> None:
    told = ran(volume, "admin", "migrate", "--state-dir", str(volume / "state"))
    assert (told.code, told.err) == (0, "")
    assert told.out == f"revision {HEAD}, the one that this gitopsd works with\n"


def test_it_is_backed_up_whole_and_nothing_else_is_left(volume: Path) -> None:
    before = sorted(each.name for each in (volume / "state").iterdir())
    told = ran(volume, "admin", "backup", "b.tar.gz", "--config", str(volume / "gitopsd.yaml"))
    assert (told.code, told.err) == (0, "")
    made = volume.with_name("out")
    assert [each.name for each in made.iterdir()] == ["b.tar.gz"]
    assert verified(made / "b.tar.gz").revision == HEAD
    assert sorted(each.name for each in (volume / "state").iterdir()) == before
    with_last_words = (volume / "state" / "state.db-wal").exists()
    subprocess.run(["tar", "xzf", "b.tar.gz"], cwd=made, check=True)
    (database,) = made.rglob("state.db")
    with closing(sqlite3.connect(database)) as connection:
        (written_by,) = connection.execute("SELECT written_by FROM schema_version").fetchone()
    assert (written_by == "the last words") is with_last_words


def test_a_daemon_says_why_it_cannot_start_there(volume: Path) -> None:
    told = ran(volume, "run", "--config", str(volume / "gitopsd.yaml"))
    assert told.code == 1
    assert "the state folder cannot be locked: Read-only file system" in told.err
    assert "have it on a disk that can be written to" in told.err
