"""Applications that are being deleted: in lists, and for those who wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.health.status import healthy
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import AppName
from tests.cli.conftest import Cli, Served

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD = "ConfigMap default/one is being deleted since 12:03 UTC, held by finalizer example.org/x"


def deleting(served: Served, phase: DeletionPhase = DeletionPhase.DELETING, message: str = HELD, **more: str) -> None:
    """The application is Synced, and being deleted."""
    cascade, error = more.get("cascade", "foreground"), more.get("error", "")
    deletion = Deletion("shop", cascade, BEGAN, phase=phase, message=message, error=error)
    served.daemon.add("shop", sync=SyncCode.SYNCED, health=healthy(), deletion=deletion)


@pytest.mark.parametrize(
    ("phase", "more", "said"),
    [
        (DeletionPhase.DELETING, {}, f"it is being deleted: {HELD}"),
        (DeletionPhase.DELETING, {"error": "no permission"}, "it is being deleted: no permission"),
        (DeletionPhase.HELD, {"message": "many left"}, "it is to be deleted: many left"),
        (DeletionPhase.DELETED, {"message": ""}, "it was deleted"),
        (DeletionPhase.DELETED, {"message": "", "cascade": "orphan"}, "it was deleted, and its objects stay"),
    ],
)
def test_lists_say_that_an_application_is_being_deleted(
    cli: Cli, served: Served, phase: DeletionPhase, more: dict[str, str], said: str
) -> None:
    deleting(served, phase, **more)
    assert cli("app", "list").out.splitlines()[-1].endswith(f"Healthy            {said}")
    told = json.loads(cli("app", "list", "-o", "json").out)[0]["deletion"]
    assert (told["phase"], told["done"]) == (phase.value, phase is DeletionPhase.DELETED)


def test_lists_have_no_deletion_of_others(cli: Cli, served: Served) -> None:
    deleting(served, DeletionPhase.ARMED, "")
    assert cli("app", "list").out.splitlines()[-1].endswith("Healthy")
    assert json.loads(cli("app", "list", "-o", "json").out)[0]["deletion"] is None


@pytest.mark.parametrize("words", [(), ("--sync",), ("--operation",), ("--resource", ":ConfigMap:one")])
def test_nobody_waits_for_what_is_being_deleted(cli: Cli, served: Served, words: tuple[str, ...]) -> None:
    deleting(served)
    ran = cli("app", "wait", "shop", *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"shop: it is being deleted: {HELD}. Try: gitopsd app wait shop --delete\n"


def test_a_deletion_can_be_waited_for(cli: Cli, served: Served) -> None:
    deleting(served)
    ran = cli("app", "wait", "shop", "--delete", "--timeout", "200ms")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == f"shop: not gone within 0.2 s: it is being deleted: {HELD}. Try: gitopsd app get shop\n"
    deleting(served, DeletionPhase.DELETED, "")
    assert cli("app", "wait", "shop", "--delete").out == "shop: it is gone\n"
    served.daemon.remove("shop")
    assert cli("app", "wait", "shop", "--delete").out == "shop: it is gone\n"
    assert cli("app", "wait", "shop", "--delete", "--health").code == 2


def test_an_application_that_nobody_deletes_is_waited_for_in_vain(cli: Cli, served: Served) -> None:
    served.daemon.add("shop", sync=SyncCode.SYNCED, health=healthy())
    ran = cli("app", "wait", "shop", "--delete", "--timeout", "100ms")
    assert (ran.code, ran.err) == (3, "shop: not gone within 0.1 s: nobody deletes it. Try: gitopsd app get shop\n")
    assert AppName("shop") in served.daemon.apps
