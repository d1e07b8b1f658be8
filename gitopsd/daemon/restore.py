"""A state folder of a daemon that does not run: restored from a backup, or brought to another revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitopsd.config import Config
from gitopsd.core.errors import StoreError
from gitopsd.daemon.clock import SystemClock
from gitopsd.store.file import STATE_FILE
from gitopsd.store.opening import losses, revision_in
from gitopsd.store.resting import bring_to
from gitopsd.store.restore import Restored, Wanted, restore
from gitopsd.store.revisions import HEAD, version_of


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revision of a state folder ("" for one without state), the one that this gitopsd works with, and what would
    be lost on the way to the one that was asked for.
    """

    stored: str
    head: str
    lost: Sequence[str] = ()


def restore_into(wanted: Wanted, config: Config | None) -> Restored:
    """Restore a backup. Where `config` names a file for the key the daemon reads it there: it is compared then, and not
    put beside the state. Blocks. Raises `StoreError`.
    """
    return restore(wanted if config is None else _by_config(wanted, config), SystemClock().now())


def revisions(folder: Path, to: str = "") -> Revisions:
    """How the state in `folder` stands; `to` is the revision that somebody asks for. Blocks. Raises `StoreError`."""
    stored = revision_in(folder / STATE_FILE)
    lost = losses(version_of(stored), _known(to)) if to and stored else ()
    return Revisions(stored, HEAD, lost)


def bring_state_to(folder: Path, to: str) -> str:
    """Bring the state in `folder` to a revision, forward or back; where it is as it was before, "" if nothing was done.

    Blocks. Raises `StoreError`: a daemon holds it, it has no state, no such revision.
    """
    migration = bring_to(folder, _known(to))
    return "" if migration is None else str(migration.copy)


def _known(to: str) -> int:
    version = version_of(to)
    if not 1 <= version <= version_of(HEAD):
        raise StoreError(
            f"there is no revision {to[:40]!r}",
            hint=f"name one from 0001 to {HEAD}; docs/upgrading.md has what they are",
        )
    return version


def _by_config(wanted: Wanted, config: Config) -> Wanted:
    kept = Path(config.state_key)
    if wanted.without_key or kept.parent == wanted.folder:
        return wanted
    if wanted.key_file is None and kept.exists():
        return Wanted(wanted.archive, wanted.folder, key_file=kept, keep_key=False, force=wanted.force)
    return wanted
