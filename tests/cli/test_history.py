"""`gitopsd app history`, `unpin`, `terminate-op`, `confirm-deletion` and `delete`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.testing.builders import a_config_map, an_object
from tests.cli.conftest import Cli, Served, at_a_terminal
from tests.core.making import want
from tests.web.operating import BEGAN, SETTINGS, WEB, a_past, a_resource, an_entry, an_operation

SHOP = AppName("shop")


@pytest.fixture(autouse=True)
def shop(served: Served) -> None:
    """Add the application that all tests are about."""
    served.daemon.add(
        "shop", resources=(a_resource(WEB, HealthStatus.HEALTHY), a_resource(SETTINGS, HealthStatus.HEALTHY))
    )


def changed(served: Served, **changes: object) -> None:
    """Its status is such."""
    spec, status = served.daemon.apps[SHOP]
    fields: AppStatus = replace(status, **changes)  # type: ignore[arg-type]  # fields by name
    served.daemon.change(spec, fields)


def test_history_tells_what_when_by_whom_and_whether_it_was_healthy(cli: Cli, served: Served) -> None:
    entries = (an_entry(0), an_entry(1, automated=True, healthy_at=None), an_entry(2, infos=(), rollback_of=0))
    served.daemon.operator.pasts[SHOP] = Past(entries, Pin(0, "m", "d", "", BEGAN, "local", "bad release"))
    ran = cli("app", "history", "shop")
    assert ran.code == 0
    assert [line.split("  ") for line in _squeezed(ran.out)] == [
        ["ID", "REVISION", "DEPLOYED", "BY", "HEALTHY", "AUTHOR", "DATE", "MESSAGE"],
        [
            "0",
            "0a2b3c4",
            "2026-03-01T12:00:05Z",
            "local",
            "2026-03-01T12:01:00Z",
            "Ada <ada@example.org>",
            "2026-03-01T12:00:00Z",
            "Change 0",
        ],
        [
            "1",
            "1a2b3c4",
            "2026-03-01T13:00:05Z",
            "gitopsd",
            "never",
            "Ada <ada@example.org>",
            "2026-03-01T13:00:00Z",
            "Change 1",
        ],
        ["2", "2a2b3c4", "2026-03-01T14:00:05Z", "local", "2026-03-01T14:01:00Z", "-", "-", "rollback to 0"],
    ]
    assert ran.err == "pinned to entry 0 since 2026-03-01T12:00:00Z by local: bad release\n"


def _squeezed(text: str) -> list[str]:
    return ["  ".join(part.strip() for part in line.split("  ") if part.strip()) for line in text.splitlines()]


def test_an_application_that_was_never_synced_has_no_history(cli: Cli, served: Served) -> None:
    ran = cli("app", "history", "shop")
    assert (ran.code, ran.out, ran.err) == (0, "", "shop was never synced\n")
    assert json.loads(cli("app", "history", "shop", "-o", "json").out) == {"items": [], "pinned": None, "limit": 10}


def test_where_no_history_is_kept_that_is_said(cli: Cli, served: Served) -> None:
    spec, status = served.daemon.apps[SHOP]
    served.daemon.put(replace(spec, revision_history_limit=0), status)
    said = "of shop no history is kept, for its revisionHistoryLimit is 0\n"
    assert cli("app", "history", "shop").err == said


def test_one_entry_and_one_that_is_not_there(cli: Cli, served: Served) -> None:
    served.daemon.operator.pasts[SHOP] = a_past("a", "b")
    assert [
        item["id"] for item in json.loads(cli("app", "history", "shop", "--id", "1", "-o", "json").out)["items"]
    ] == [1]
    ran = cli("app", "history", "shop", "--id", "7")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: shop: there is no such history entry\n  Try: `gitopsd app history shop`")


def test_S14_manifests_of_an_entry_are_yaml_without_secrets(cli: Cli, served: Served) -> None:
    served.daemon.operator.stored[SHOP, 3] = want(
        a_config_map("settings"), an_object("Secret", "login", data={"password": "Q0FOQVJZ"})
    )
    ran = cli("app", "history", "shop", "--id", "3", "--manifests")
    assert (ran.code, ran.err) == (0, "")
    bodies = list(yaml.safe_load_all(ran.out))
    assert [body["metadata"]["name"] for body in bodies] == ["settings", "login"]
    assert "Q0FOQVJZ" not in ran.out
    assert json.loads(cli("app", "history", "shop", "--id", "3", "--manifests", "-o", "json").out)["id"] == 3
    assert cli("app", "history", "shop", "--id", "4", "--manifests").code == 1
    ran = cli("app", "history", "shop", "--manifests")
    assert ran.code == 2
    assert "--manifests needs --id" in ran.err


def test_an_operation_is_terminated(cli: Cli, served: Served) -> None:
    ran = cli("app", "terminate-op", "shop")
    assert (ran.code, ran.err) == (1, "Error: shop: nothing is under way\n")
    cli("app", "sync", "shop", "--async")
    ran = cli("app", "terminate-op", "shop")
    assert (ran.code, ran.out) == (0, "shop: Terminating, terminated\n")
    assert served.daemon.operator.underway[SHOP].phase is Phase.TERMINATING
    assert json.loads(cli("app", "terminate-op", "shop", "-o", "json").out)["operation"]["phase"] == "Terminating"


def test_a_deletion_is_confirmed(cli: Cli, served: Served) -> None:
    assert cli("app", "confirm-deletion", "shop").code == 1
    cli("app", "sync", "shop", "--async")
    assert cli("app", "confirm-deletion", "shop").out == "shop: confirmed\n"
    assert served.daemon.operator.underway[SHOP].request.confirmed


def test_a_deletion_without_anybody_to_ask_wants_yes(cli: Cli, served: Served) -> None:
    ran = cli("app", "delete", "shop")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: shop: nobody is there to be asked\n  Try: say --yes\n"
    assert served.daemon.operator.deletions == {}
    assert cli("app", "delete", "no-such").code == 1


def test_on_a_terminal_a_deletion_shows_what_goes_and_asks(served: Served) -> None:
    code, out, shown = at_a_terminal(served, "n", "app", "delete", "shop")
    assert code == 1
    assert out == "  apps/Deployment default/web\n  ConfigMap default/settings\n"
    assert "2 objects are deleted from local, namespace shop. Go on? [y/N]" in shown
    assert served.daemon.operator.deletions == {}
    code, out, shown = at_a_terminal(served, "y", "app", "delete", "shop", "--cascade", "orphan")
    assert (code, out) == (0, "shop: Deleted\n")
    assert "shop rests from now on, its 2 objects stay. Go on?" in shown


@pytest.mark.parametrize("cascade", ["foreground", "background"])
def test_a_deletion_begins(cli: Cli, served: Served, cascade: str) -> None:
    ran = cli("app", "delete", "shop", "--cascade", cascade, "--yes")
    assert (ran.code, ran.out) == (0, "shop: Deleting\n")
    assert served.daemon.operator.deletions[SHOP].cascade == cascade


def test_objects_may_stay(cli: Cli, served: Served) -> None:
    ran = cli("app", "delete", "shop", "--cascade", "orphan", "--yes", "--wait")
    assert (ran.code, ran.out) == (0, "shop: Deleted\n")
    assert cli("app", "delete", "shop", "--cascade", "everything", "--yes").code == 2


def test_a_deletion_is_waited_for_and_tells_what_stays(cli: Cli, served: Served) -> None:
    gone = Deletion(
        "shop",
        "foreground",
        BEGAN,
        phase=DeletionPhase.DELETED,
        kept={"PersistentVolumeClaim default/data": "Delete=false"},
    )
    begin = served.daemon.operator.delete

    async def deleted(name: AppName, *, cascade: str, by: str) -> Deletion:
        begun = await begin(name, cascade=cascade, by=by)
        changed(served, deletion=gone)
        return begun

    served.daemon.operator.delete = deleted  # type: ignore[method-assign]  # what the daemon would do by itself
    ran = cli("app", "delete", "shop", "--yes", "--wait")
    assert ran.code == 0
    assert ran.out == "shop: Deleted\n  stays: PersistentVolumeClaim default/data: Delete=false\n"
    assert ran.err.splitlines()[-1].startswith("shop rests: it begins anew when its entry changes")


def test_an_application_that_went_away_meanwhile_is_gone(cli: Cli, served: Served) -> None:
    begin = served.daemon.operator.delete

    async def deleted(name: AppName, *, cascade: str, by: str) -> Deletion:
        begun = await begin(name, cascade=cascade, by=by)
        served.daemon.remove("shop")
        return begun

    served.daemon.operator.delete = deleted  # type: ignore[method-assign]  # what a reload would do
    ran = cli("app", "delete", "shop", "--yes", "--wait")
    assert (ran.code, ran.out) == (0, "shop: Deleted\n")
    assert "rests" not in ran.err


def test_a_deletion_that_hangs_says_what_holds_it_and_has_its_own_code(cli: Cli, served: Served) -> None:
    held = "apps/Deployment default/web is being deleted since 12:03, held by finalizer example.org/x"
    changed(served, deletion=Deletion("shop", "foreground", BEGAN, phase=DeletionPhase.DELETING, message=held))
    ran = cli("app", "delete", "shop", "--yes", "--wait", "--timeout", "200ms")
    assert ran.code == 3
    assert ran.out == f"shop: Deleting: {held}\n"
    assert "not gone within 200ms; it goes on" in ran.err


def test_get_shows_operation_pin_blocks_and_deletion(cli: Cli, served: Served) -> None:
    changed(
        served,
        operation=an_operation(stage=1, applied=True),
        pin=Pin(3, "m", "d", "", BEGAN, "local"),
        blocked_by=("waits for database (Progressing)", "the window `nights` is closed until 22:00 UTC"),
        deletion=Deletion("shop", "foreground", BEGAN, phase=DeletionPhase.HELD, message="15 of 16 applications left"),
    )
    text = " ".join(cli("app", "get", "shop").out.split())
    for said in (
        "Last sync: a sync to 1a2b3c4 by local since 2026-03-01T12:00:00Z, Running, stage 2 of 3: Sync, wave 0",
        "Pinned: to entry 3 since 2026-03-01T12:00:00Z by local",
        "Blocked by: waits for database (Progressing)",
        "Blocked by: the window `nights` is closed until 22:00 UTC",
        "Deletion: Held, foreground, since 2026-03-01T12:00:00Z: 15 of 16 applications left",
    ):
        assert said in text
    changed(served, deletion=Deletion("shop", "foreground", BEGAN, phase=DeletionPhase.ARMED))
    assert "Deletion" not in cli("app", "get", "shop").out
