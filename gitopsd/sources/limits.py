"""How much git may take, and what is told of each request."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds of the git workers (design decision 12); seconds, bytes and counts.

    `workers` run side by side (2 to 4, by the machine's cores), one of them waits warm; the others end after
    `idle_seconds` without work. A request
    past its deadline (`lookup_seconds`, `fetch_seconds`; `local_seconds` for what needs no network) costs its worker
    its life. `memory_bytes` is a worker's address space. A mirror of more than `mirror_packs` packs is fetched anew
    as one. Of snapshots of at least `spare_files` files a spare is kept, so that the next one costs what it changes.
    A commit brings at most `submodules` with it, one in another at most `submodule_depth` deep.
    """

    workers: int = max(2, min(4, os.cpu_count() or 2))
    idle_seconds: float = 15.0
    lookup_seconds: float = 60.0
    fetch_seconds: float = 600.0
    local_seconds: float = 120.0
    start_seconds: float = 30.0
    memory_bytes: int = 2 * _GIB
    pack_bytes: int = 4 * _GIB
    refs: int = 1_000_000
    snapshot_files: int = 200_000
    snapshot_bytes: int = 2 * _GIB
    mirror_packs: int = 500
    spare_files: int = 1000
    submodules: int = 50
    submodule_depth: int = 5


@dataclass(frozen=True, slots=True)
class GitRequest:
    """One ended request to a git server.

    `repo` as it may be shown, `kind` `ls-remote` or `fetch`, how long it took, whether it went well, how many refs
    were left out because their names are outside git's grammar, why it failed, as it may be shown, and how long it
    `waited` for a worker before it began.
    """

    repo: str
    kind: str
    seconds: float
    ok: bool
    skipped_refs: int = 0
    error: str = ""
    waited: float = 0.0


OnRequest = Callable[[GitRequest], None]
