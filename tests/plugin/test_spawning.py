"""Programs are started where there is room for that, and a start that cannot be takes nothing away."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own, whose limit can be lowered: what is left open after twenty starts that could not be.
SCRIPT = """
import errno, os, resource
import anyio, uvloop
from gitopsd.plugin.spawning import open_process

def opened():
    return len(os.listdir("/proc/self/fd"))

async def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    here, refused = opened(), set()
    for room in range(20):
        resource.setrlimit(resource.RLIMIT_NOFILE, (here + room, hard))
        try:
            async with await open_process(["/bin/true"], env={}) as process:
                await process.wait()
        except OSError as error:
            refused.add(errno.errorcode[error.errno])
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with await open_process(["/bin/true"], env={}) as process:
        print(await process.wait(), *refused, opened() - here)

anyio.run(main, backend_options={"loop_factory": uvloop.new_event_loop})
"""


def test_starts_without_room_for_their_pipes_say_so_and_leave_nothing_open() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=60)
    code, refused, left = done.stdout.split()
    assert (code, refused) == ("0", "EMFILE")
    assert int(left) <= 6  # the pipes of the process that has just ended
