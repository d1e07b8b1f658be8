"""How much a chart, an artifact or a file of the web may take."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """Bounds of the fetch processes (design decision 12); seconds, bytes and counts.

    `processes` run side by side, each for one request and with at most `memory_bytes`; it is killed past its deadline
    (`lookup_seconds` for what a revision stands for, `pull_seconds` for content). `unpacked_bytes` is Argo CD's
    `reposerver.oci.manifest.max.extracted.size`. Where `block_private`, only configured repositories may be at private
    or loopback addresses. `token_hosts` may see a registry's password besides the registry itself.
    """

    processes: int = 4
    lookup_seconds: float = 60.0
    pull_seconds: float = 300.0
    memory_bytes: int = 1024 * _MIB
    index_bytes: int = 64 * _MIB
    archive_bytes: int = 256 * _MIB
    file_bytes: int = 16 * _MIB
    unpacked_bytes: int = 1024 * _MIB
    entries: int = 50_000
    depth: int = 64
    pages: int = 200
    block_private: bool = False
    token_hosts: tuple[str, ...] = ()
