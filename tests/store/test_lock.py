"""One daemon per state folder."""

# Files and processes are what these tests are about, and nothing else runs in their loops.
# ruff: noqa: ASYNC220, ASYNC240

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gitopsd.core.errors import StoreError
from gitopsd.store.lock import StateLock

HOLDER = """
import sys, pathlib, anyio
from gitopsd.store.lock import StateLock
async def hold():
    async with StateLock(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        await anyio.sleep_forever()
anyio.run(hold)
"""


async def test_the_folder_is_made_private(folder: Path) -> None:
    async with StateLock(folder) as lock:
        assert lock.folder == folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "lock").stat().st_mode) == 0o600


async def test_a_second_daemon_is_refused_and_told_who_is_there(folder: Path) -> None:
    async with StateLock(folder):
        with pytest.raises(StoreError, match=f"another gitopsd uses .*: {_this()} holds it. Try: stop"):
            async with StateLock(folder):
                pass
    async with StateLock(folder):
        pass


async def test_a_daemon_that_was_killed_leaves_no_lock(folder: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=f"process {holder.pid} on .* holds it"):
            async with StateLock(folder):
                pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    async with StateLock(folder):
        assert (folder / "lock").read_text() == f"{os.getpid()}\n{os.uname().nodename}\n"


async def test_an_owner_that_names_no_host_is_told_all_the_same(folder: Path) -> None:
    async with StateLock(folder):
        (folder / "lock").write_text("4711\n")
        with pytest.raises(StoreError, match="process 4711 holds it"):
            async with StateLock(folder):
                pass


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
async def test_a_folder_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StoreError, match=r"others may write .* chmod 700"):
        async with StateLock(folder):
            pass


async def test_a_file_in_its_place_is_named(folder: Path) -> None:
    folder.write_text("not a folder")
    with pytest.raises(StoreError, match=r"the state folder cannot be made: .*\. Try: set state\.dir"):
        async with StateLock(folder):
            pass


async def test_a_link_in_place_of_the_lock_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "lock").symlink_to(victim)
    with pytest.raises(StoreError, match="cannot be locked"):
        async with StateLock(folder):
            pass
    assert victim.read_text() == "precious"


async def test_the_folder_is_only_known_while_it_is_held(folder: Path) -> None:
    lock = StateLock(folder)
    with pytest.raises(RuntimeError, match="not locked"):
        _ = lock.folder


def _this() -> str:
    return f"process {os.getpid()} on {os.uname().nodename}"
