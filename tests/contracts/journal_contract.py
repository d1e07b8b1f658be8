"""What every journal does: the suite that the real one and the fake pass.

A subclass gives the fixture `journal`; its tests are these.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import anyio
import orjson
import pytest

from gitopsd.core.app import Source
from gitopsd.core.childapps import ChildRecord
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import StoreError
from gitopsd.core.history import NOTHING_PAST, Deletion, DeletionPhase, HistoryEntry, Past, Pin, RevisionInfo, deployed
from gitopsd.core.hook import DeletePolicy, HookOutcome, SyncPhase
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey, Position
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StepResult
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanReason, PruneStep, Stage, Way
from gitopsd.ports.journal import Journal
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from tests.contracts.store_contract import BEGAN, ENDED, an_operation

APP = AppName("guestbook")
OTHER = AppName("other")


def an_object_of(name: str = "web", kind: str = "Deployment", *, secret: str = "") -> DesiredObject:
    """Return a desired object with every field set."""
    body = an_object(kind, name, namespace="team", data={"password": secret}) if secret else a_deployment(name)
    document = Document(canonical(body))
    group = "apps" if kind == "Deployment" else ""
    return DesiredObject(
        key=ObjectKey(group, kind, "team", name),
        gvk=GVK(group, "v1", kind),
        document=document,
        digest=document.digest(),
        wave=-3,
        options={"Prune": "false", "Replace": "true"},
        origin=Position("app/ü.yaml", 7, 5),
        adopts=frozenset({"kubectl", "helm"}),
    )


def a_hook(name: str = "migrate-") -> DesiredHook:
    """Return a hook with every field set."""
    target = replace(an_object_of(name), key=ObjectKey("batch", "Job", "team", name), gvk=GVK("batch", "v1", "Job"))
    return DesiredHook(
        object=target,
        phases=(SyncPhase.PRE_SYNC, SyncPhase.POST_DELETE),
        policies=frozenset({DeletePolicy.HOOK_FAILED, DeletePolicy.HOOK_SUCCEEDED}),
        generated=True,
        timeout=90.5,
    )


def a_wanted(*names: str, digest: str = "d1") -> Desired:
    """Return what an application wants, with every field that is kept set."""
    return Desired(
        objects=tuple(an_object_of(name) for name in names or ("web",)),
        digest=digest,
        hooks=(a_hook(),),
        defines=frozenset({GroupKind("example.org", "Widget"), GroupKind("example.org", "Gadget")}),
    )


def a_plan(wanted: Desired) -> Plan:
    """Return a plan of every kind of step, some of whose objects are not in `wanted`."""
    named = wanted.hooks[0].named(replace(a_hook("migrate-7").object, digest="named"))
    steps = (
        ApplyStep(wanted.objects[0], PlanReason.CHANGED, ("spec.replicas", "metadata.labels['a.b/c']")),
        ApplyStep(
            an_object_of("team", "Namespace"),
            PlanReason.NAMESPACE,
            way=Way.RECREATE,
            replaces="u-7",
            why_anew="spec.selector is immutable",
            force=True,
            validate=False,
        ),
        HookStep(named, SyncPhase.POST_SYNC),
        HookStep(wanted.hooks[0], SyncPhase.PRE_SYNC),
    )
    return Plan(
        digest=wanted.digest,
        stages=(
            Stage(0, (PruneStep(a_live("small"), "Background", confirm=True), PruneStep(a_live("x" * 2000)))),
            Stage(5, (), (steps[:1], steps[1:]), (wanted.objects[0].key,), SyncPhase.PRE_SYNC),
        ),
        skipped={a_live("kept").key: "pruning is off"},
        guarded=frozenset({a_live("kept").key}),
        failing=(Stage(0, groups=((HookStep(wanted.hooks[0], SyncPhase.SYNC_FAIL),),), phase=SyncPhase.SYNC_FAIL),),
    )


def a_live(text: str) -> LiveObject:
    """Return a live object with every field set, that holds `text`."""
    return LiveObject(
        key=ObjectKey("", "ConfigMap", "team", "old"),
        gvk=GVK("", "v1", "ConfigMap"),
        uid="u-1",
        resource_version="17",
        document=Document.small(orjson.dumps(a_config_map("old", {"text": text})), orjson.loads),
        owner="guestbook",
        copied=True,
        owner_uids=("u-2",),
        deleting=True,
        foreign="elsewhere",
        inferred=("u-3",),
        aliases=("alias",),
    )


def begun(number: int = 1, wanted: Desired | None = None) -> Operation:
    """Return an operation that is to begin, with every field set."""
    return replace(an_operation(), id=f"op-{number}", manifests="", plan=a_plan(wanted or a_wanted()))


def an_entry(manifests: str = "", number: int = 0) -> HistoryEntry:
    """Return a history entry with every field set."""
    return HistoryEntry(
        id=number,
        revisions=("a" * 40, "1.2.3"),
        sources=(
            Source(
                "https://git.example.org/a.git",
                "app",
                "main",
                renderer="helm",
                options={"valuesObject": {"deep": [1, None, True]}},
                chart="c",
                ref="values",
                name="first",
                tag_prefix="v",
                renders=False,
            ),
            Source("https://charts.example.org"),
        ),
        digest="d1",
        manifests=manifests,
        started_at=BEGAN,
        deployed_at=ENDED,
        initiated_by="ann",
        automated=True,
        healthy_at=ENDED + timedelta(seconds=1),
        rollback_of=0,
        infos=(RevisionInfo("Ann <ann@example.org>", BEGAN, "Fix it ünder way", ("v1", "latest")), RevisionInfo()),
    )


def a_pin(manifests: str = "") -> Pin:
    """Return a pin with every field set."""
    return Pin(3, manifests, "d3", "d4", ENDED, by="ann", reason="the new one crashes")


def a_deletion(app: AppName = APP, manifests: str = "") -> Deletion:
    """Return a deletion with every field set."""
    return Deletion(
        app=app,
        cascade="background",
        began=BEGAN,
        id="delete-1",
        phase=DeletionPhase.PRE_DELETE,
        by="ann",
        removed=True,
        spec_digest="s1",
        manifests=manifests,
        confirmed=True,
        attempt=2,
        hooks={HookId(SyncPhase.PRE_DELETE, a_hook().key): HookRun(BEGAN, "u-1", HookOutcome.SUCCEEDED)},
        kept={"ConfigMap team/a": "Delete=false"},
        message="waits",
        error="held by a finalizer",
        details={"cluster": "local"},
    )


def a_child(name: AppName = APP, colour: str = "green") -> ChildRecord:
    """Return an application that another one brought, with every field set."""
    manifest = an_object("Application", name, api_version="argoproj.io/v1alpha1", namespace="argocd", colour=colour)
    return ChildRecord(
        name=name,
        parent=OTHER,
        manifest=Document(canonical(manifest)),
        uid="u-1",
        created=BEGAN,
        digest="d1",
        origin=Position("apps/ü.yaml", 7, 5),
        deleting=ENDED,
    )


class JournalContract:
    """Given a `journal` without content."""

    async def test_nothing_is_known_at_first(self, journal: Journal) -> None:
        assert await journal.in_flight() == {}
        assert await journal.past(APP) == NOTHING_PAST
        assert await journal.pins() == {}
        assert list(await journal.deletions()) == []

    async def test_what_began_is_in_flight_with_its_plan_and_manifests(self, journal: Journal) -> None:
        wanted = a_wanted("web", "worker")
        operation = await journal.begin(APP, begun(1, wanted), wanted)
        assert operation == replace(begun(1, wanted), manifests=operation.manifests)
        assert await journal.in_flight() == {APP: operation}
        assert await journal.manifests(operation.manifests) == wanted

    async def test_documents_come_back_byte_for_byte(self, journal: Journal) -> None:
        raw = '{"b":"\u00fc\\ud83d", "a":  1.0}'.encode()
        wanted = replace(a_wanted(), objects=(replace(an_object_of(), document=Document(raw)),))
        operation = await journal.begin(APP, begun(1, wanted), wanted)
        assert (await journal.manifests(operation.manifests)).objects[0].document.raw == raw

    async def test_what_was_only_said_of_manifests_is_left_out(self, journal: Journal) -> None:
        wanted = a_wanted()
        said = replace(wanted, warnings=("w",), doubts=("d",), problems=("p",), excluded=(a_hook().key,))
        operation = await journal.begin(APP, begun(), said)
        assert await journal.manifests(operation.manifests) == wanted

    async def test_an_operation_without_a_plan_or_objects(self, journal: Journal) -> None:
        operation = await journal.begin(APP, replace(begun(), plan=None), Desired((), "empty"))
        assert await journal.in_flight() == {APP: operation}
        assert await journal.manifests(operation.manifests) == Desired((), "empty")

    async def test_a_note_says_how_far_it_came_and_leaves_the_plan(self, journal: Journal) -> None:
        operation = await journal.begin(APP, begun(), a_wanted())
        later = replace(operation, stage=operation.stage + 1, hooks={}, message="further")
        await journal.note(APP, replace(later, plan=None, manifests=""))
        assert await journal.in_flight() == {APP: later}

    async def test_a_note_on_what_never_began_is_refused(self, journal: Journal) -> None:
        with pytest.raises(StoreError, match="not in the journal"):
            await journal.note(APP, begun())
        operation = await journal.begin(APP, begun(1), a_wanted())
        with pytest.raises(StoreError, match="not in the journal"):
            await journal.note(APP, begun(2))
        assert await journal.in_flight() == {APP: operation}

    async def test_what_ended_is_not_in_flight(self, journal: Journal) -> None:
        operation = await journal.begin(APP, begun(), a_wanted())
        other = await journal.begin(OTHER, begun(), a_wanted())
        await journal.end(APP, operation, None)
        assert await journal.in_flight() == {OTHER: other}
        assert await journal.past(APP) == NOTHING_PAST

    async def test_how_the_last_operation_ended_is_known_until_the_next_one_begins(self, journal: Journal) -> None:
        operation = await journal.begin(APP, begun(1), a_wanted())
        await journal.begin(OTHER, begun(), a_wanted())
        assert await journal.ended() == {}
        stays = {ObjectKey("", "ConfigMap", "default", "left"): StepResult(ResultCode.PRUNE_SKIPPED, "too many")}
        done = {ObjectKey("", "ConfigMap", "default", "made"): StepResult(ResultCode.SYNCED)}
        over = replace(operation, phase=Phase.FAILED, message="no", results={**done, **stays})
        await journal.end(APP, over, None)
        assert await journal.ended() == {APP: replace(over, plan=None, results=stays, manifests="")}
        await journal.begin(APP, begun(2), a_wanted())
        assert await journal.ended() == {}

    async def test_ending_twice_is_no_harm(self, journal: Journal) -> None:
        first = await journal.begin(APP, begun(1), a_wanted())
        await journal.end(APP, first, None)
        second = await journal.begin(APP, begun(2), a_wanted())
        await journal.end(APP, first, None)
        assert await journal.in_flight() == {APP: second}

    async def test_a_new_operation_replaces_the_one_in_flight(self, journal: Journal) -> None:
        first = await journal.begin(APP, begun(1), a_wanted("old"))
        second = await journal.begin(APP, begun(2), a_wanted("new"))
        assert await journal.in_flight() == {APP: second}
        await _gone(journal, first.manifests)

    async def test_the_end_brings_the_history(self, journal: Journal) -> None:
        operation = await journal.begin(APP, begun(), a_wanted())
        past = deployed(NOTHING_PAST, an_entry(operation.manifests), 10)
        await journal.end(APP, operation, past)
        assert await journal.past(APP) == past
        assert await journal.past(OTHER) == NOTHING_PAST
        assert await journal.manifests(operation.manifests) == a_wanted()

    async def test_manifests_go_with_the_last_that_names_them(self, journal: Journal) -> None:
        wanted = a_wanted()
        operation = await journal.begin(APP, begun(), wanted)
        name = operation.manifests
        past = deployed(NOTHING_PAST, an_entry(name), 10)
        await journal.end(APP, operation, replace(past, pin=a_pin(name)))
        other = await journal.begin(OTHER, begun(), wanted)
        assert other.manifests == name
        await journal.save_past(APP, replace(past, pin=a_pin(name), entries=()))
        await journal.end(OTHER, other, None)
        assert await journal.manifests(name) == wanted
        await journal.save_past(APP, replace(past, entries=()))
        await _gone(journal, name)

    async def test_trimmed_entries_take_their_manifests_along_and_their_ids_stay_used(self, journal: Journal) -> None:
        past, names = NOTHING_PAST, []
        for number in range(4):
            operation = await journal.begin(APP, begun(number), a_wanted(f"web-{number}"))
            names.append(operation.manifests)
            past = deployed(past, an_entry(operation.manifests), 2)
            await journal.end(APP, operation, past)
        assert await journal.past(APP) == past
        assert [entry.id for entry in past.entries] == [2, 3]
        for name in names[:2]:
            await _gone(journal, name)
        for name in names[2:]:
            await journal.manifests(name)
        await journal.save_past(APP, replace(past, entries=()))
        assert (await journal.past(APP)).next_id == 4

    async def test_an_entry_that_changes_is_kept_as_it_is_now(self, journal: Journal) -> None:
        past = deployed(NOTHING_PAST, replace(an_entry(), healthy_at=None, rollback_of=None, infos=()), 5)
        await journal.save_past(APP, past)
        later = replace(past, entries=(replace(past.entries[0], healthy_at=ENDED),))
        await journal.save_past(APP, later)
        assert await journal.past(APP) == later

    async def test_pins_are_listed_and_end(self, journal: Journal) -> None:
        await journal.save_past(APP, Past(pin=a_pin()))
        await journal.save_past(OTHER, Past((an_entry(),)))
        assert await journal.pins() == {APP: a_pin()}
        await journal.save_past(APP, NOTHING_PAST)
        assert await journal.pins() == {}

    async def test_what_is_kept_for_a_deletion_stays_until_it_is_forgotten(self, journal: Journal) -> None:
        name = await journal.keep(APP, a_wanted())
        await journal.save_deletion(a_deletion())
        assert await journal.manifests(name) == a_wanted()
        await journal.save_deletion(a_deletion(manifests=name))
        further = replace(a_deletion(manifests=name), phase=DeletionPhase.DELETED, message="done")
        await journal.save_deletion(further)
        await journal.save_deletion(a_deletion(OTHER))
        assert sorted(await journal.deletions(), key=lambda item: item.app) == [further, a_deletion(OTHER)]
        assert await journal.manifests(name) == a_wanted()
        await journal.forget(APP)
        assert list(await journal.deletions()) == [a_deletion(OTHER)]
        await _gone(journal, name)

    async def test_what_was_kept_and_is_history_now_goes_with_it(self, journal: Journal) -> None:
        name = await journal.keep(APP, a_wanted())
        operation = await journal.begin(APP, replace(begun(), plan=None), Desired((), "empty"))
        past = deployed(NOTHING_PAST, an_entry(name), 10)
        await journal.end(APP, operation, past)
        assert await journal.manifests(name) == a_wanted()
        await journal.save_past(APP, replace(past, entries=()))
        await _gone(journal, name)

    async def test_keeping_others_lets_the_first_go(self, journal: Journal) -> None:
        first = await journal.keep(APP, a_wanted("first"))
        second = await journal.keep(APP, a_wanted("second"))
        await _gone(journal, first)
        await journal.save_deletion(a_deletion(manifests=second))
        await journal.save_deletion(a_deletion())
        await _gone(journal, second)

    async def test_of_an_application_that_is_forgotten_nothing_stays(self, journal: Journal) -> None:
        operation = await journal.begin(APP, begun(), a_wanted())
        await journal.save_past(APP, Past((an_entry(operation.manifests, 6),), a_pin(operation.manifests), 7))
        await journal.keep(APP, a_wanted())
        await journal.save_deletion(a_deletion())
        await journal.save_past(OTHER, Past((an_entry(),)))
        await journal.forget(APP)
        assert await journal.in_flight() == {}
        assert await journal.past(APP) == NOTHING_PAST
        assert list(await journal.deletions()) == []
        assert (await journal.past(OTHER)).entries == (an_entry(),)
        await _gone(journal, operation.manifests)

    async def test_children_are_known_until_they_are_removed(self, journal: Journal) -> None:
        assert list(await journal.children()) == []
        second = replace(a_child(AppName("second")), deleting=None, origin=Position("x"), digest="")
        await journal.save_child(a_child())
        await journal.save_child(second)
        assert list(await journal.children()) == [a_child(), second]
        assert set(await journal.child_names()) == {a_child().name, second.name}
        changed = replace(a_child(colour="blue"), parent=AppName("third"))
        await journal.save_child(changed)
        await journal.forget(APP)
        await journal.forget(changed.parent)
        assert list(await journal.children()) == [changed, second]
        await journal.remove_child(APP)
        await journal.remove_child(APP)
        assert list(await journal.children()) == [second]
        assert set(await journal.child_names()) == {second.name}

    @pytest.mark.parametrize("name", ["a.b-c", "Ünï", "a'b\"; DROP TABLE operations; --", "%", "\x1b[0m"])
    async def test_odd_names_are_names(self, journal: Journal, name: str) -> None:
        operation = await journal.begin(AppName(name), begun(), a_wanted())
        await journal.save_past(AppName(name), Past((an_entry(),)))
        assert await journal.in_flight() == {name: operation}
        assert (await journal.past(AppName(name))).entries == (an_entry(),)
        await journal.forget(AppName(name))
        assert await journal.in_flight() == {}

    async def test_many_at_once_do_not_meet(self, journal: Journal) -> None:
        async def sync(app: AppName, wanted: Desired) -> None:
            operation = await journal.begin(app, begun(1, wanted), wanted)
            await journal.note(app, replace(operation, stage=4))
            await journal.end(app, operation, deployed(NOTHING_PAST, an_entry(operation.manifests), 3))

        apps = [AppName(f"app-{number}") for number in range(40)]
        async with anyio.create_task_group() as tasks:
            for number, app in enumerate(apps):
                tasks.start_soon(sync, app, a_wanted(f"web-{number % 3}"))
        assert await journal.in_flight() == {}
        pasts = [await journal.past(app) for app in apps]
        assert _names(pasts) == 3
        for past in pasts:
            assert (await journal.manifests(past.entries[0].manifests)).hooks == (a_hook(),)


def _names(pasts: Sequence[Past]) -> int:
    return len({past.entries[0].manifests for past in pasts})


async def _gone(journal: Journal, name: str) -> None:
    with pytest.raises(StoreError, match="not kept"):
        await journal.manifests(name)
