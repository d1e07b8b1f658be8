"""The SQLite store passes the contract of stores."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitopsd.core.ids import AppName
from gitopsd.ports.store import Store
from gitopsd.store.lock import StateLock
from gitopsd.store.sqlite import SqliteStore
from tests.contracts.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    """The suite on a fresh file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        unreadable: list[tuple[AppName, str]] = []
        async with (
            StateLock(tmp_path / "state") as lock,
            SqliteStore(lock, lambda *row: unreadable.append(row)) as store,
        ):
            yield store
        assert unreadable == []
