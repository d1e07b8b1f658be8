"""Status changes reach the store in the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.errors import StoreError
from gitopsd.core.events import AppRemoved, ConfigReloaded, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.store.writer import StatusWriter


class ScriptedStore:
    """Keeps statuses, counts calls, and fails or hangs when told to."""

    def __init__(self) -> None:
        self.kept: dict[AppName, AppStatus] = {}
        self.saves: list[list[str]] = []
        self.failing = False
        self.hanging = False
        self._changed = anyio.Event()

    async def statuses(self) -> Mapping[AppName, AppStatus]:
        return self.kept

    async def save(self, statuses: Sequence[AppStatus]) -> None:
        await self._call()
        self.saves.append([status.name for status in statuses])
        self.kept |= {status.name: status for status in statuses}
        self._tell()

    async def remove(self, names: Sequence[AppName]) -> None:
        for name in names:
            self.kept.pop(name, None)
        self._tell()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`, 30 s at most."""
        with anyio.fail_after(30):
            while not condition():
                await self._changed.wait()

    async def _call(self) -> None:
        if self.hanging:
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()
        if self.failing:
            raise StoreError("no space left", retryable=True)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


def changed(name: str, decision: str = "") -> StatusChanged:
    spec = AppSpec(AppName(name), (Source("https://git.example.org/a.git"),), Destination(name="local"))
    return StatusChanged(spec, replace(unknown_status(spec.name), decision=decision), None)


async def test_a_change_is_saved(store: ScriptedStore) -> None:
    async with StatusWriter(store, _no_trouble) as writer:
        writer.on_event(changed("one"))
        await store.until(lambda: "one" in store.kept)


async def test_changes_in_a_burst_are_one_save_of_the_newest(store: ScriptedStore) -> None:
    async with StatusWriter(store, _no_trouble) as writer:
        for number in range(100):
            writer.on_event(changed("one", f"{number}"))
            writer.on_event(changed("two"))
        await store.until(lambda: len(store.kept) == 2)
    assert store.saves == [["one", "two"]]
    assert store.kept[AppName("one")].decision == "99"


async def test_a_removed_application_is_removed_even_if_it_just_changed(store: ScriptedStore) -> None:
    store.kept[AppName("old")] = unknown_status(AppName("old"))
    async with StatusWriter(store, _no_trouble) as writer:
        writer.on_event(changed("old"))
        writer.on_event(changed("new"))
        writer.on_event(AppRemoved(AppName("old")))
        await store.until(lambda: list(store.kept) == ["new"])


async def test_an_application_that_comes_back_is_saved(store: ScriptedStore) -> None:
    async with StatusWriter(store, _no_trouble) as writer:
        writer.on_event(AppRemoved(AppName("one")))
        writer.on_event(changed("one"))
    assert list(store.kept) == ["one"]


async def test_a_change_of_nothing_that_is_saved_is_not_saved(store: ScriptedStore) -> None:
    known = changed("one").status
    looked_again = replace(known, reconciled_at=datetime(2026, 11, 22, tzinfo=UTC))
    async with StatusWriter(store, _no_trouble) as writer:
        writer.on_event(replace(changed("one"), status=looked_again, previous=known, server="https://10.0.0.1"))
        writer.on_event(changed("two"))
        await store.until(lambda: "two" in store.kept)
    assert store.saves == [["two"]]


async def test_other_events_wake_nothing(store: ScriptedStore) -> None:
    async with StatusWriter(store, _no_trouble) as writer:
        writer.on_event(ConfigReloaded())
        await anyio.wait_all_tasks_blocked()
    assert store.saves == []


async def test_leaving_saves_what_is_left(store: ScriptedStore) -> None:
    async with StatusWriter(store, _no_trouble, interval=3600) as writer:
        writer.on_event(changed("first"))
        await store.until(lambda: "first" in store.kept)
        writer.on_event(changed("last"))
    assert set(store.kept) == {"first", "last"}


async def test_a_cancelled_daemon_still_saves(store: ScriptedStore) -> None:
    with anyio.CancelScope() as scope:
        async with StatusWriter(store, _no_trouble) as writer:
            writer.on_event(changed("one"))
            scope.cancel()
    assert set(store.kept) == {"one"}


async def test_leaving_does_not_wait_for_ever(store: ScriptedStore) -> None:
    store.hanging = True
    with anyio.fail_after(30):
        with anyio.CancelScope() as scope:
            async with StatusWriter(store, _no_trouble, flush_seconds=0.01) as writer:
                writer.on_event(changed("one"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
    assert store.kept == {}


async def test_a_failing_store_loses_nothing_and_is_reported_until_it_works(store: ScriptedStore) -> None:
    store.failing = True
    told: list[StoreError | None] = []
    failed = anyio.Event()

    def on_trouble(error: StoreError | None) -> None:
        told.append(error)
        failed.set()

    async with StatusWriter(store, on_trouble) as writer:
        writer.on_event(changed("one", "old"))
        writer.on_event(changed("two", "old"))
        with anyio.fail_after(30):
            await failed.wait()
        writer.on_event(changed("one", "new"))
        store.failing = False
        await store.until(lambda: len(store.kept) == 2)
    assert {name: status.decision for name, status in store.kept.items()} == {"one": "new", "two": "old"}
    assert [str(error) if error else None for error in told] == ["no space left", None]


def _no_trouble(error: StoreError | None) -> None:
    raise AssertionError(f"unexpected: {error}")
