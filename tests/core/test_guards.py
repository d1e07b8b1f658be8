"""What no sync deletes unless somebody confirms, and what is never deleted."""

from dataclasses import replace

import pytest

from gitopsd.core.annotations import SYNC_OPTIONS
from gitopsd.core.compare import compare
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.plan import Plan, PlanOptions, PruneStep
from gitopsd.core.planning import plan
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_definition, a_namespace, an_object
from tests.core.making import live, live_body, live_of, want
from tests.core.planning import CONFIRMED

PRUNE = PlanOptions(prune=True)


def planned(kept: int, *extra: LiveObject, options: PlanOptions = PRUNE) -> Plan:
    """Return the plan when `kept` objects are synced, and `extra` ones left git."""
    wanted = want(*(a_config_map(f"kept-{number}") for number in range(kept)))
    return plan(wanted, compare(wanted, live(*map(live_of, wanted.objects), *extra)), options)


def left(*names: str, written: str = "") -> list[LiveObject]:
    """Return live ConfigMaps of these names, with these sync options."""
    marks = {SYNC_OPTIONS: written} if written else {}
    return [live_of(item) for item in want(*(a_config_map(name, annotations=marks) for name in names)).objects]


def pruned(made: Plan) -> set[str]:
    return {step.key.name for step in made.steps() if isinstance(step, PruneStep)}


@pytest.mark.parametrize(
    ("kept", "gone", "limit", "held"),
    [
        (0, 1, 0.5, False),
        (1, 1, 0.5, False),
        (0, 2, 0.5, True),
        (1, 2, 0.5, True),
        (2, 2, 0.5, False),
        (7, 3, 0.3, False),
        (6, 4, 0.3, True),
        (9, 2, 0.0, True),
        (0, 9, 1.0, False),
    ],
)
def test_no_sync_prunes_more_than_a_share_of_the_objects_at_once(
    kept: int, gone: int, limit: float, held: bool
) -> None:
    names = [f"old-{number}" for number in range(gone)]
    options = replace(PRUNE, prune_limit=limit)
    made = planned(kept, *left(*names), options=options)
    assert pruned(made) == (set() if held else set(names))
    assert {key.name for key in made.guarded} == (set(names) if held else set())
    assert set(made.guarded) == set(made.skipped)
    confirmed = planned(kept, *left(*names), options=replace(options, request=CONFIRMED))
    assert pruned(confirmed) == set(names)
    assert confirmed.guarded == frozenset()


def test_only_what_is_there_and_stays_counts_as_the_applications_objects() -> None:
    going = [replace(one, deleting=True) for one in left("x", "y", "z")]
    assert pruned(planned(1, *left("a", "b"), *going)) == set()
    wanted = want(*(a_config_map(f"new-{number}") for number in range(9)))
    made = plan(wanted, compare(wanted, live(*left("a", "b"))), PRUNE)
    assert pruned(made) == set()
    assert len(made.guarded) == 2


def test_the_reason_says_how_many_and_what_to_do() -> None:
    made = planned(1, *left("a", "b"))
    assert set(made.skipped.values()) == {
        "2 of 3 objects would be pruned, and more than 50% are too many at once; confirm the sync to prune it"
    }


def test_a_wipe_out_that_is_allowed_is_not_held_for_its_share() -> None:
    allowed = replace(PRUNE, may_empty=True)
    assert pruned(planned(0, *left("a", "b", "c"), options=allowed)) == {"a", "b", "c"}
    assert pruned(planned(1, *left("a", "b", "c"), options=allowed)) == set()
    team = live_of(want(a_namespace("team")).objects[0])
    assert pruned(planned(0, *left("a", "b"), team, options=allowed)) == {"a", "b"}


def a_claim(phase: str | None) -> LiveObject:
    wanted = want(an_object("PersistentVolumeClaim", "data", spec={})).objects[0]
    status: JsonObject = {"status": {"phase": phase}} if phase else {}
    return live_body(wanted, {**wanted.document.body(), **status})


@pytest.mark.parametrize(
    ("there", "held"),
    [
        (live_of(want(a_namespace("team")).objects[0]), "everything in a Namespace is deleted with it"),
        (
            live_of(want(a_definition()).objects[0]),
            "all objects of its kind are deleted with a CustomResourceDefinition",
        ),
        (a_claim("Bound"), "it is Bound, and its data may be deleted with it"),
        (a_claim("Pending"), ""),
        (a_claim(None), ""),
        (live_of(want(an_object("Secret", "s", data={})).objects[0]), ""),
    ],
    ids=lambda value: value.key.kind if isinstance(value, LiveObject) else "",
)
def test_what_takes_more_along_is_held_back(there: LiveObject, held: str) -> None:
    made = planned(9, there)
    assert pruned(made) == (set() if held else {there.key.name})
    assert made.skipped == ({there.key: f"{held}; confirm the sync to prune it"} if held else {})
    assert made.guarded == frozenset(made.skipped)
    assert pruned(planned(9, there, options=replace(PRUNE, request=CONFIRMED))) == {there.key.name}


def test_the_protected_kinds_are_a_setting() -> None:
    options = replace(PRUNE, protected=frozenset({GroupKind("", "ConfigMap")}))
    made = planned(9, *left("a"), live_of(want(a_namespace("team")).objects[0]), options=options)
    assert pruned(made) == {"team"}
    assert list(made.skipped.values()) == [
        "ConfigMap is a protected kind (sync.protectedKinds); confirm the sync to prune it"
    ]


@pytest.mark.parametrize("everywhere", [True, False])
def test_prune_confirm_waits_and_a_confirmed_sync_does_not(everywhere: bool) -> None:
    there = left("a", "b", "c", written="" if everywhere else "Prune=confirm")
    options = replace(PRUNE, options={"Prune": "confirm"} if everywhere else {})
    made = planned(0, *there, options=options)
    assert [step.confirm for step in made.steps() if isinstance(step, PruneStep)] == [True, True, True]
    assert made.guarded == frozenset()  # they wait for somebody anyway
    lifted = planned(0, *there, options=replace(options, request=CONFIRMED))
    assert [step.confirm for step in lifted.steps() if isinstance(step, PruneStep)] == [False, False, False]


def test_an_objects_own_word_goes_before_the_applications() -> None:
    never = replace(PRUNE, options={"Prune": "false"})
    made = planned(9, *left("a"), *left("b", written="Prune=true"), options=never)
    assert pruned(made) == {"b"}
    assert list(made.skipped.values()) == ["syncOptions say Prune=false"]


@pytest.mark.parametrize(
    ("written", "confirmed_too"),
    [
        ("Prune=false", "the object says Prune=false"),
        ("Prune=false,Prune=true", "the object says Prune=false"),
        ("Prune=true,Prune=never", "the object says Prune=never"),
    ],
)
def test_what_shall_never_be_pruned_stays_whoever_confirms(written: str, confirmed_too: str) -> None:
    options = replace(PRUNE, request=SyncRequest(confirmed=True, prune=True))
    made = planned(0, *left("a", "b", "c", written=written), options=options)
    assert pruned(made) == set()
    assert set(made.skipped.values()) == {confirmed_too}
    assert made.guarded == frozenset()


def test_what_stays_anyway_does_not_count() -> None:
    made = planned(2, *left("a", "b", written="Prune=false"), *left("c", "d"))
    assert pruned(made) == {"c", "d"}
