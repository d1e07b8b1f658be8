"""How many files the daemon may have open: as many as it can get, within reason, before it opens the first."""

from __future__ import annotations

import contextlib
import resource
from typing import Final, NamedTuple

from gitopsd.core.errors import ConfigError

WANTED: Final = 65_536
"""Of more nobody has a use, and programs that walk over all descriptors take long where the limit is a billion."""
FEWEST: Final = 64
"""Below it there are none left for the first cluster and the engine; the loop itself needs a dozen."""


class OpenFiles(NamedTuple):
    """The soft limit before and after."""

    before: int
    after: int


def raise_open_files() -> OpenFiles:
    """Raise the soft limit of open files to the hard one, at most to 65,536; it is never lowered, and stays where the
    system lets nobody change it (a filter of system calls).

    systemd, shells and container engines begin with 1,024 (https://0pointer.net/blog/file-descriptor-limits.html):
    a connection for each watch and cluster soon is more. Raises `ConfigError` where fewer than 64 are allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= WANTED:
        return OpenFiles(soft, soft)
    wanted = WANTED if hard == unlimited else min(hard, WANTED)
    if wanted > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    after, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if after < FEWEST:
        raise ConfigError(
            "gitopsd cannot begin",
            why=f"it may have {after} files open at a time, and needs {FEWEST} at least",
            hint="allow more: LimitNOFILE= in the unit, `ulimit -n` in a shell",
        )
    return OpenFiles(soft, after)
