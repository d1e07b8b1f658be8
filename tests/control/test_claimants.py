"""Who wants what an application gives up: answered from an index, whatever the number of applications."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.claimants import Claimants
from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.claims import Claims
from gitopsd.core.compare import NOTHING_COMPARED, compare
from gitopsd.core.history import Pin
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live
from gitopsd.testing.builders import a_config_map, an_app
from gitopsd.testing.cluster import FakeCluster
from tests.core.making import want

LEAVING, ONE, TWO = AppName("leaving"), AppName("one"), AppName("two")
HERE, THERE = FakeCluster("here"), FakeCluster("there")
CHILD = ObjectKey("argoproj.io", "Application", "argocd", "child")
A_CHILD: JsonObject = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "child", "namespace": "argocd"},
}


def key(name: str) -> ObjectKey:
    return ObjectKey("", "ConfigMap", "default", name)


KEYS = (*map(key, "abc"), CHILD)


def body(of: ObjectKey) -> JsonObject:
    return A_CHILD if of == CHILD else a_config_map(of.name)


@dataclass
class Given:
    """Applications, and who asks about whom."""

    applications: Applications = field(default_factory=Applications)
    under_way: set[AppName] = field(default_factory=set)
    gone: set[AppName] = field(default_factory=set)
    asked: list[AppName] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.claimants = Claimants(self.applications, deleted=self._deleted, under_way=lambda: self.under_way)

    def _deleted(self, name: AppName) -> bool:
        self.asked.append(name)
        return name in self.gone

    def app(self, name: AppName, *, cluster: FakeCluster | None = HERE, rests: bool = False) -> Application:
        """An application that came, and that nobody looked at."""
        annotations = {SKIP_RECONCILE: "true"} if rests else {}
        app = Application.begin(an_app(name, annotations=annotations), None, 0.0)
        app.cluster = cluster
        self.applications.begin(app)
        self.claimants.note(name)
        return app

    def claims(self, *keys: ObjectKey, cluster: FakeCluster = HERE) -> Claims:
        return self.claimants.claims(LEAVING, cluster.server, keys)


def compared(app: Application, *keys: ObjectKey) -> None:
    """A pass compared it."""
    app.comparison = compare(want(*map(body, keys)), Live({}))


def stands(world: Given, app: Application, commit: str) -> None:
    """A pass compared it with this commit of its one source."""
    app.tried, app.commits = True, (commit,)
    world.claimants.note(app.spec.name)


def had(app: Application, keys: Iterable[ObjectKey], *, left: bool = False) -> None:
    """It has these objects by its status."""
    gvk = GVK("", "v1", "ConfigMap")
    resources = tuple(ResourceStatus(one, gvk, SyncCode.SYNCED, None, requires_pruning=left) for one in keys)
    app.status = replace(app.status, resources=resources)


def test_nobody_is_asked_about_who_wants_nothing_of_it() -> None:
    world = Given()
    for number in range(1000):
        name = AppName(f"app-{number}")
        compared(world.app(name), key(name))
        world.claimants.note(name)
    compared(world.app(ONE), key("shared"))
    world.claimants.note(ONE)
    assert world.claims(*map(key, ["shared", *map(str, range(100))])) == Claims({key("shared"): ONE})
    assert world.asked == [ONE]


def test_nobody_is_waited_for_who_looked_at_the_commit_and_nobody_of_these_is_asked() -> None:
    world = Given()
    for number in range(1000):
        stands(world, world.app(AppName(f"app-{number}")), "new")
    app = world.app(ONE)
    stands(world, app, "new")
    assert not world.claimants.behind(app)
    assert world.asked == []
    stands(world, app, "newer")
    assert world.claimants.behind(app)
    assert len(world.asked) == 1


def test_who_did_not_look_at_the_commit_is_waited_for() -> None:
    world = Given()
    app, other = world.app(ONE), world.app(TWO)
    stands(world, app, "new")
    assert world.claimants.behind(app)  # nobody ever looked at it
    stands(world, other, "old")
    assert world.claimants.behind(app)
    world.under_way.add(TWO)
    other.commits = ("new",)
    assert not world.claimants.behind(app)


def test_who_will_not_look_at_the_commit_is_not_waited_for() -> None:
    world = Given()
    app = world.app(ONE)
    stands(world, app, "new")
    elsewhere = world.app(TWO, cluster=THERE)
    stands(world, elsewhere, "old")
    assert not world.claimants.behind(app)
    elsewhere.cluster = None
    world.claimants.note(TWO)
    assert world.claimants.behind(app)

    broken = world.app(TWO)
    broken.failures = 1
    stands(world, broken, "old")
    assert not world.claimants.behind(app)
    stands(world, world.app(TWO, rests=True), "old")
    assert not world.claimants.behind(app)
    pinned = world.app(TWO)
    stands(world, pinned, "old")
    pinned.pin = Pin(1, "manifests", "", "", datetime(2026, 1, 1, tzinfo=UTC))
    assert not world.claimants.behind(app)
    pinned.pin = None
    world.gone.add(TWO)
    assert not world.claimants.behind(app)
    world.gone.clear()
    assert world.claimants.behind(app)
    world.applications.take_out(TWO)
    world.claimants.note(TWO)
    assert not world.claimants.behind(app)


def test_of_one_that_nobody_looked_at_nobody_knows_what_it_wants() -> None:
    world = Given()
    app = world.app(ONE, cluster=None)
    had(app, [key("a")])
    world.claimants.note(ONE)
    assert world.claims(key("a")) == Claims({key("a"): ONE}, (ONE,))
    compared(app)
    world.claimants.note(ONE)
    assert world.claims(key("a")) == Claims()


def test_what_a_pass_under_way_found_in_git_counts_before_the_pass_ends() -> None:
    world = Given()
    app = world.app(ONE)
    world.under_way.add(ONE)
    compared(app, key("a"))
    assert world.claims(key("a")) == Claims({key("a"): ONE})
    app.move(THERE)
    assert world.claims(key("a")) == Claims()


def test_what_its_objects_are_compared_with_anew_is_wanted_all_the_time() -> None:
    world = Given()
    app = world.app(ONE)
    compared(app, key("a"))
    app.comparison = replace(app.comparison, objects={})  # a refusal that is asked for once more
    world.claimants.note(ONE)
    assert world.claims(key("a")) == Claims({key("a"): ONE})


@pytest.mark.parametrize(("leaves", "stays"), [(ONE, TWO), (TWO, ONE)])
def test_one_that_left_or_whose_objects_are_deleted_wants_nothing(leaves: AppName, stays: AppName) -> None:
    world = Given()
    for name in (ONE, TWO):
        compared(world.app(name), key("a"))
        world.claimants.note(name)
    world.gone.add(stays)
    assert world.claims(key("a")) == Claims({key("a"): leaves})
    world.applications.take_out(leaves)
    world.claimants.note(leaves)
    assert world.claims(key("a")) == Claims()
    world.gone.clear()
    assert world.claims(key("a")) == Claims({key("a"): stays})


def walked(world: Given, cluster: FakeCluster) -> Claims:
    """The same answer, got by looking at every application and all that it has."""
    wanted: dict[ObjectKey, str] = {}
    unknown: list[AppName] = []
    for name, app in sorted(world.applications.at_work.items(), reverse=True):
        if name == LEAVING or name in world.gone:
            continue
        here = app.cluster is None or app.cluster is cluster
        if app.comparison is NOTHING_COMPARED:
            theirs = {item.key for item in app.status.resources if not item.requires_pruning}
        else:
            theirs = set(app.comparison.objects)
        wanted |= {one: str(name) for one in theirs if here or one == CHILD}
        rests = app.spec.annotations.get(SKIP_RECONCILE) == "true"
        looked = app.tried and app.status.revisions
        if here and app.comparison is NOTHING_COMPARED and not rests and not looked:
            unknown.append(name)
    return Claims(wanted, tuple(sorted(unknown)))


@dataclass(frozen=True)
class Step:
    """Something that happens to an application."""

    what: str
    name: AppName
    cluster: FakeCluster
    keys: list[ObjectKey]
    flag: bool


STEPS = st.builds(
    Step,
    st.sampled_from(["comes", "compared", "had", "tried", "moves", "leaves", "deleted"]),
    st.sampled_from([ONE, TWO, AppName("three"), LEAVING]),
    st.sampled_from([HERE, THERE]),
    st.lists(st.sampled_from(KEYS), unique=True),
    st.booleans(),
)


@given(st.lists(STEPS, max_size=30))
def test_the_index_says_what_a_walk_through_all_applications_says(steps: list[Step]) -> None:
    world = Given()
    for step in steps:
        happens(world, step)
        for cluster in (HERE, THERE):
            found = world.claims(*KEYS, cluster=cluster)
            assert replace(found, unknown=tuple(sorted(found.unknown))) == walked(world, cluster)


def happens(world: Given, step: Step) -> None:
    app = world.applications.get(step.name)
    if step.what == "deleted":
        world.gone ^= {step.name}
    elif step.what == "comes":
        world.app(step.name, cluster=None if not step.keys else step.cluster, rests=step.flag)
    elif app is not None:
        changes(world, app, step)
        world.claimants.note(step.name)


def changes(world: Given, app: Application, step: Step) -> None:
    if step.what == "compared":
        compared(app, *step.keys)
    elif step.what == "had":
        had(app, step.keys, left=step.flag)
    elif step.what == "tried":
        app.tried, app.status = True, replace(app.status, revisions=("abc",))
    elif step.what == "moves":
        app.move(step.cluster)
    else:
        world.applications.take_out(step.name)
