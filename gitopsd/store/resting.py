"""Work on a state file that no daemon has open."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gitopsd.core.errors import StoreError
from gitopsd.store.failure import as_store_error
from gitopsd.store.file import STATE_FILE
from gitopsd.store.folder import same_owner
from gitopsd.store.lock import held
from gitopsd.store.opening import Migration, bring_back


def bring_to(folder: Path, version: int) -> Migration | None:
    """Bring the state in `folder` to a version, forward or back; None if it has it. Blocks.

    Raises `StoreError`: a daemon holds the folder, there is no state in it, no room for the copy.
    """
    file = folder / STATE_FILE
    if not file.exists():
        raise StoreError("there is no state here", where=str(folder), hint="name the state folder (state.dir)")
    with held(folder) as resolved:
        try:
            migration = bring_back(resolved / STATE_FILE, version)
            if migration is not None:
                same_owner(migration.copy, resolved)
        except SQLAlchemyError as error:
            raise as_store_error(error, file) from None
        except OSError as error:
            raise StoreError(
                "the state cannot be migrated", where=str(file), why=error.strerror or str(error)
            ) from None
    return migration
