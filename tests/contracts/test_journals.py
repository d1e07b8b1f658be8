"""The journal in the state file and the fake pass the contract of journals."""

from collections.abc import AsyncIterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest

from gitopsd.core.errors import StoreError
from gitopsd.core.history import Past
from gitopsd.core.ids import AppName
from gitopsd.core.plan import ApplyStep, Way
from gitopsd.ports.journal import Journal
from gitopsd.store.file import StateFile
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.testing.journal import FakeJournal
from tests.contracts.journal_contract import (
    APP,
    JournalContract,
    a_deletion,
    a_hook,
    a_live,
    a_pin,
    a_plan,
    a_wanted,
    an_entry,
    an_object_of,
    begun,
)

SHOWN_ONLY = {"left"}
"""Fields that are made anew after a start."""


def a_step() -> ApplyStep:
    """Return a step with every field set."""
    (step,) = (step for step in a_plan(a_wanted()).steps() if isinstance(step, ApplyStep) and step.way is Way.RECREATE)
    return replace(step, changes=("spec.replicas",))


@pytest.mark.parametrize(
    "sample",
    [
        an_object_of(),
        a_hook(),
        replace(a_wanted(), warnings=("w",), doubts=("d",), problems=("p",), excluded=(a_hook().key,)),
        a_live(""),
        replace(begun(), manifests="m"),
        begun().request,
        a_plan(a_wanted()),
        a_plan(a_wanted()).stages[0].prunes[0],
        replace(a_plan(a_wanted()).stages[1], prunes=a_plan(a_wanted()).stages[0].prunes),
        a_step(),
        an_entry("m"),
        an_entry().sources[0],
        an_entry().infos[0],
        a_pin("m"),
        a_deletion(manifests="m"),
        Past((an_entry(),), a_pin(), 1),
        next(iter(begun().hooks.values())),
    ],
    ids=lambda item: type(item).__name__,
)
def test_samples_set_every_field(sample: Any) -> None:
    """A field that is added to one of these values and kept nowhere would go unnoticed otherwise."""
    kept = (item for item in fields(sample) if item.compare and item.name not in SHOWN_ONLY)
    for item in kept:
        default = item.default if item.default_factory is MISSING else item.default_factory()
        assert getattr(sample, item.name) != default, item.name


class TestFakeJournal(JournalContract):
    """An empty journal for each test."""

    @pytest.fixture
    def journal(self) -> Journal:
        return FakeJournal()


class TestSqliteJournal(JournalContract):
    """The suite on a fresh file."""

    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        unreadable: list[tuple[AppName, str]] = []
        async with (
            StateLock(tmp_path / "state") as lock,
            StateFile(lock) as file,
            SqliteJournal(file, lambda *row: unreadable.append(row)) as journal,
        ):
            yield journal
        assert unreadable == []


async def test_the_fake_fails_when_it_is_told_to() -> None:
    journal = FakeJournal()
    journal.fail_after(1)
    operation = await journal.begin(APP, begun(), a_wanted())
    with pytest.raises(StoreError, match="the disk is full"):
        await journal.note(APP, operation)
    with pytest.raises(StoreError, match="the disk is full"):
        await journal.in_flight()
    journal.heal()
    await journal.note(APP, operation)
    assert journal.entries == [("begin", APP), ("note", APP)]
    assert journal.names == {operation.manifests}
