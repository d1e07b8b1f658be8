"""The index against a model that keeps everything and computes each answer from scratch."""

import tracemalloc
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitopsd.core.annotations import TRACKING_ID, tracking_id
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.document import canonical
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.live import is_newer
from gitopsd.core.noise import Noise
from gitopsd.kube.index import Index
from gitopsd.kube.lines import LineSplitter
from gitopsd.kube.objects import from_raw, reduced, with_type
from gitopsd.kube.places import Places

KINDS = (GVK("apps", "v1", "Deployment"), GVK("apps", "v1", "ReplicaSet"), GVK("", "v1", "Pod"))
NAMES = ("a", "b")
APPS = (AppName("shop"), AppName("bank"))


@dataclass(frozen=True)
class Thing:
    """An object as the cluster has it."""

    gvk: GVK
    name: str
    uid: str
    version: int
    app: str = ""
    copied: bool = False
    owner: str = ""

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.gvk.group, self.gvk.kind, "default", self.name)

    @property
    def body(self) -> JsonObject:
        metadata: dict[str, JsonValue] = {
            "name": self.name,
            "namespace": "default",
            "uid": self.uid,
            "resourceVersion": str(self.version),
        }
        if self.app:
            tracked = self.key._replace(name="elsewhere") if self.copied else self.key
            metadata["annotations"] = {TRACKING_ID: tracking_id(AppName(self.app), tracked, "")}
        if self.owner:
            metadata["ownerReferences"] = [{"uid": self.owner}]
        return {"apiVersion": self.gvk.api_version, "kind": self.gvk.kind, "metadata": metadata}


@dataclass
class World:
    """The cluster, the index that follows it, and what applications want."""

    things: dict[ObjectKey, Thing] = field(default_factory=dict)
    wants: dict[AppName, frozenset[ObjectKey]] = field(default_factory=dict)
    asked: list[ObjectKey] = field(default_factory=list)
    version: int = 0

    def __post_init__(self) -> None:
        self.index = Index(self.asked.extend)
        for gvk in KINDS:
            self.index.begin(gvk.group_kind)
            self.index.end(gvk.group_kind)

    def put(self, thing: Thing) -> None:
        self.things[thing.key] = thing
        self.index.put(canonical(thing.body), thing.body, thing.gvk)
        self.settle()

    def remove(self, key: ObjectKey) -> None:
        thing = self.things.pop(key, None)
        if thing is not None:
            self.index.remove(thing.body, thing.gvk)
        self.settle()

    def want(self, app: AppName, keys: Collection[ObjectKey]) -> None:
        self.wants[app] = frozenset(keys)
        self.index.want(app, keys)
        self.asked.extend(self.index.unread(keys))
        self.settle()

    def list_again(self, kind: GVK) -> None:
        self.index.begin(kind.group_kind)
        for thing in self.things.values():
            if thing.gvk == kind:
                self.index.put(canonical(thing.body), thing.body, kind)
        self.index.end(kind.group_kind)
        self.settle()

    def settle(self) -> None:
        """Read what the index asks for, as the cluster does a moment later."""
        while self.asked:
            thing = self.things.get(self.asked.pop())
            if thing is not None:
                self.index.fill(thing.key, canonical(thing.body), thing.body, thing.gvk)

    def kept(self) -> set[ObjectKey]:
        wanted = {key for keys in self.wants.values() for key in keys}
        kept = {
            key
            for key, thing in self.things.items()
            if key in wanted or (thing.app and not (thing.copied and thing.owner))
        }
        while True:
            uids = {self.things[key].uid for key in kept}
            more = {key for key, thing in self.things.items() if thing.owner in uids and key not in kept}
            if not more:
                return kept
            kept |= more

    def below(self, uid: str) -> set[ObjectKey]:
        found: set[ObjectKey] = set()
        waiting = [uid]
        while waiting:
            owner = waiting.pop()
            for key in self.kept() - found:
                if self.things[key].owner == owner:
                    found.add(key)
                    waiting.append(self.things[key].uid)
        return found

    def check(self) -> None:
        kept = self.kept()
        for gvk in KINDS:
            for name in NAMES:
                key = ObjectKey(gvk.group, gvk.kind, "default", name)
                live = self.index.get(key)
                assert (live is not None) == (key in kept), key
                if live is not None:
                    assert live.uid == self.things[key].uid
                    assert live.resource_version == str(self.things[key].version)
                    assert {child.key for child in self.index.children([live.uid])} == self.below(live.uid)
        for app in APPS:
            keys = self.wants.get(app, frozenset())
            own = {key for key in kept if self.things[key].app == app and not self.things[key].owner}
            assert set(self.index.of(app, keys)) == own | (keys & self.things.keys())


def all_keys() -> Iterator[ObjectKey]:
    for gvk in KINDS:
        for name in NAMES:
            yield ObjectKey(gvk.group, gvk.kind, "default", name)


KEYS = st.sampled_from(list(all_keys()))
STEPS = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(KINDS),
        st.sampled_from(NAMES),
        st.sampled_from(("", *APPS)),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("want"), st.sampled_from(APPS), st.sets(KEYS, max_size=3)),
    st.tuples(st.just("list"), st.sampled_from(KINDS)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_whatever_happens_the_index_answers_like_a_full_scan(steps: list[tuple]) -> None:  # type: ignore[type-arg]  # of four shapes
    world = World()
    for step in steps:
        if step[0] == "put":
            put(world, *step[1:])
        elif step[0] == "remove":
            if world.things:
                world.remove(sorted(world.things)[step[1] % len(world.things)])
        elif step[0] == "want":
            world.want(step[1], step[2])
        else:
            world.list_again(step[1])
        world.check()


def put(world: World, gvk: GVK, name: str, app: str, copied: bool, owner: int | None) -> None:  # noqa: PLR0917 - a row's columns
    """Change or make an object; its owner, if it has one, is one of a kind above it."""
    world.version += 1
    key = ObjectKey(gvk.group, gvk.kind, "default", name)
    before = world.things.get(key)
    above = [thing for thing in world.things.values() if thing.gvk in KINDS[: KINDS.index(gvk)]]
    parent = above[owner % len(above)] if owner is not None and above else None
    uid = before.uid if before is not None else f"00000000-0000-0000-0000-{world.version:012d}"
    world.put(Thing(gvk, name, uid, world.version, app, copied, parent.uid if parent is not None else ""))


def test_an_event_that_an_apply_of_ours_explains_is_no_news() -> None:
    world = World()
    thing = Thing(KINDS[0], "a", "u1", 5, "shop")
    world.index.hold(thing.key)
    assert world.index.put(canonical(thing.body), thing.body, thing.gvk) == frozenset()
    applied = from_raw(canonical(thing.body), thing.gvk)
    assert world.index.release(thing.key, applied, thing.body, AppName("shop")) == frozenset()
    assert world.index.get(thing.key) == applied


def test_an_apply_is_news_to_the_others_that_want_the_object_or_had_it() -> None:
    for event_comes in (True, False):
        world = World()
        before = Thing(KINDS[0], "a", "u1", 5, "shop")
        after = Thing(KINDS[0], "a", "u1", 6, "till")
        world.index.put(canonical(before.body), before.body, before.gvk)
        world.index.want(AppName("third"), [before.key])
        world.index.hold(after.key)
        if event_comes:
            assert world.index.put(canonical(after.body), after.body, after.gvk) == frozenset()
        applied = from_raw(canonical(after.body), after.gvk)
        assert world.index.release(after.key, applied, after.body, AppName("till")) == {"shop", "third"}


def test_an_event_that_came_after_our_apply_is_told_when_it_ends() -> None:
    world = World()
    ours = Thing(KINDS[0], "a", "u1", 5, "shop")
    theirs = Thing(KINDS[0], "a", "u1", 6, "shop")
    world.index.hold(ours.key)
    world.index.put(canonical(theirs.body), theirs.body, theirs.gvk)
    applied = from_raw(canonical(ours.body), ours.gvk)
    assert world.index.release(ours.key, applied, ours.body, AppName("shop")) == {"shop"}
    assert (live := world.index.get(ours.key)) is not None
    assert live.resource_version == "6"


def test_an_object_that_was_deleted_under_our_apply_does_not_come_back() -> None:
    world = World()
    thing = Thing(KINDS[0], "a", "u1", 5, "shop")
    deleted = Thing(KINDS[0], "a", "u1", 6, "shop")
    world.index.hold(thing.key)
    world.index.put(canonical(thing.body), thing.body, thing.gvk)
    world.index.remove(deleted.body, thing.gvk)
    applied = from_raw(canonical(thing.body), thing.gvk)
    assert world.index.release(thing.key, applied, thing.body, AppName("shop")) == {"shop"}
    assert world.index.get(thing.key) is None


@pytest.mark.parametrize("gone", [False, True])
def test_an_answer_that_another_applications_write_overtook_does_not_bring_back_what_was_before_it(gone: bool) -> None:
    world = World()
    ours = Thing(KINDS[0], "a", "u1", 5, "shop")
    theirs = Thing(KINDS[0], "a", "u1", 6, "bank")
    for app in APPS:
        world.index.want(app, [ours.key])
        world.index.hold(ours.key)
    world.index.put(canonical(ours.body), ours.body, ours.gvk)
    world.index.put(canonical(theirs.body), theirs.body, theirs.gvk)
    latest = from_raw(canonical(theirs.body), theirs.gvk)
    assert world.index.release(theirs.key, latest, theirs.body, AppName("bank")) == {"shop"}
    if gone:
        assert world.index.remove(theirs.body, theirs.gvk) == set(APPS)
    world.index.release(ours.key, from_raw(canonical(ours.body), ours.gvk), ours.body, AppName("shop"))
    assert world.index.get(ours.key) == (None if gone else latest)


STRANGERS = 20_000


def a_stranger(number: int) -> JsonObject:
    return {"name": f"settings-{number:06d}", "namespace": "default"}


def a_strange_pod(number: int) -> JsonObject:
    """Return the only pod of a ReplicaSet, with names as long as they really are."""
    owner: JsonObject = {"kind": "ReplicaSet", "uid": f"20000000-0000-0000-0000-{number:012d}"}
    name, namespace = f"payments-gateway-7d8f9c6b5d-{number:05d}", f"team-payments-{number % 50}"
    return {"name": name, "namespace": namespace, "ownerReferences": [owner]}


@pytest.mark.parametrize(("kind", "metadata", "most"), [("ConfigMap", a_stranger, 30), ("Pod", a_strange_pod, 200)])
def test_strangers_cost_little(kind: str, metadata: Callable[[int], JsonObject], most: int) -> None:
    """At most 200 bytes for each object of a watched kind that is nobody's, whatever its size."""
    index = Index()
    gvk = GVK("", "v1", kind)
    index.begin(gvk.group_kind)
    tracemalloc.start()
    for number in range(STRANGERS):
        server = {"uid": f"10000000-0000-0000-0000-{number:012d}", "resourceVersion": str(number)}
        raw = orjson.dumps({"metadata": {**metadata(number), **server}, "spec": {"a": "x" * 2_000}})
        index.put(raw, orjson.loads(raw), gvk)
    index.end(gvk.group_kind)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / STRANGERS <= most


def test_a_child_takes_no_more_memory_than_its_bytes() -> None:
    pod: JsonObject = {"metadata": {"name": "web-1", "namespace": "default"}, "spec": {"containers": [{"name": "web"}]}}
    for kept in (reduced(pod, GVK("", "v1", "Pod")), with_type(pod, GVK("", "v1", "Pod"))):
        tracemalloc.start()
        copies = [reduced(pod, GVK("", "v1", "Pod")) for _ in range(100)]
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert used / len(copies) < len(kept) + 300


NAMES_OF_PLACES = st.text(alphabet="abcdef", max_size=3)


@given(st.lists(st.tuples(st.booleans(), NAMES_OF_PLACES), max_size=200))
def test_places_are_a_set(steps: list[tuple[bool, str]]) -> None:
    places, model = Places(), set[str]()
    for comes, name in steps:
        if comes:
            places.add(name)
            model.add(name)
        else:
            places.discard(name)
            model.discard(name)
        assert len(places) == len(model)
        assert all(other in places for other in model)
        assert (name in places) is comes


def test_an_event_that_comes_after_that_of_the_objects_end_is_too_late() -> None:
    index, kind = Index(), GVK("", "v1", "ConfigMap")
    key = ObjectKey("", "ConfigMap", "default", "a")
    index.begin(kind.group_kind)
    index.end(kind.group_kind)
    index.want(APPS[0], [key])
    for version in (5, 4):
        body = an_event(version)
        index.put(canonical(body), body, kind)
    assert (live := index.get(key)) is not None
    assert live.resource_version == "5"
    index.remove(an_event(7), kind)
    assert index.put(canonical(an_event(6)), an_event(6), kind) == frozenset()
    assert index.get(key) is None
    again = an_event(8, uid="u2")
    assert index.put(canonical(again), again, kind) == {APPS[0]}


def test_what_a_list_names_counts_even_if_it_is_older_than_what_was_known() -> None:
    index, kind = Index(), GVK("", "v1", "ConfigMap")
    key = ObjectKey("", "ConfigMap", "default", "a")
    index.begin(kind.group_kind)
    index.end(kind.group_kind)
    index.want(APPS[0], [key])
    index.put(canonical(an_event(7)), an_event(7), kind)
    index.begin(kind.group_kind)
    restored = an_event(3, "restored")
    assert index.put(canonical(restored), restored, kind) == {APPS[0]}
    assert index.put(canonical(an_event(2)), an_event(2), kind) == frozenset()
    index.end(kind.group_kind)
    assert (live := index.get(key)) is not None
    assert live.resource_version == "3"


def test_a_list_anew_does_not_forget_what_it_named() -> None:
    index, kind = Index(), GVK("", "v1", "ConfigMap")
    keys = [ObjectKey("", "ConfigMap", "default", name) for name in ("kept", "gone", "wanted later")]
    for turn, names in enumerate((("kept", "gone", "wanted later"), ("kept", "wanted later"))):
        index.begin(kind.group_kind)
        for name in names:
            body = an_event(turn + 1, name=name, uid=name)
            index.put(canonical(body), body, kind)
            assert index.unread(keys[:1]) == keys[:1]
        index.end(kind.group_kind)
    assert index.unread(keys) == [keys[0], keys[2]]


def an_event(version: int, data: str = "a", **metadata: JsonValue) -> JsonObject:
    found: JsonObject = {"name": "a", "namespace": "default", "uid": "u1", "resourceVersion": str(version), **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": found, "data": {"key": data}}


def test_an_event_that_says_nothing_new_is_kept_and_wakes_nobody() -> None:
    index, shop, kind = Index(), APPS[0], GVK("", "v1", "ConfigMap")
    key = ObjectKey("", "ConfigMap", "default", "a")
    index.begin(kind.group_kind)
    index.end(kind.group_kind)
    index.want(shop, [key])

    def put(body: JsonObject) -> frozenset[AppName]:
        return index.put(canonical(body), body, kind)

    assert put(an_event(1)) == {shop}
    leader: JsonObject = {"control-plane.alpha.kubernetes.io/leader": "me"}
    assert put(an_event(2, managedFields=[{"time": "now"}])) == frozenset()
    assert put(an_event(3, annotations=leader)) == frozenset()
    assert put(an_event(4, annotations={**leader, "control-plane.alpha.kubernetes.io/leader": "you"})) == frozenset()
    live = index.get(key)
    assert live is not None
    assert live.resource_version == "4"
    assert put(an_event(5, data="b")) == {shop}
    assert index.remove(an_event(6, data="b"), kind) == {shop}
    assert put(an_event(7, data="b", uid="u2")) == {shop}


def test_what_was_written_is_kept_once_whichever_of_answer_and_event_comes_first() -> None:
    index, kind = Index(), GVK("", "v1", "ConfigMap")
    key = ObjectKey("", "ConfigMap", "default", "a")
    index.begin(kind.group_kind)
    index.end(kind.group_kind)
    index.want(APPS[0], [key])
    first, second = an_event(1), an_event(2, "b")
    index.hold(key)
    assert index.kept_as(index.look(first, kind), kind) is None
    index.put(canonical(first), first, kind)
    kept = index.kept_as(index.look(first, kind), kind)
    assert kept is not None
    assert kept is index.get(key)
    assert index.kept_as(index.look(second, kind), kind) is None
    assert index.release(key, kept, first, APPS[0]) == frozenset()
    assert index.get(key) is kept
    index.hold(key)
    answer = from_raw(canonical(second), kind)
    assert index.release(key, answer, second, APPS[0]) == frozenset()
    assert index.get(key) is answer
    index.put(canonical(second), second, kind)
    assert index.get(key) is answer


def test_other_rules_for_what_is_news_count_at_once() -> None:
    index, kind = Index(), GVK("", "v1", "ConfigMap")
    index.begin(kind.group_kind)
    index.end(kind.group_kind)
    index.want(APPS[0], [ObjectKey("", "ConfigMap", "default", "a")])
    for version, data in enumerate("ab"):
        body = an_event(version, data)
        assert index.put(canonical(body), body, kind) == {APPS[0]}
    rule = IgnoreRule(KindPattern("", "*"), paths=(("data", "key"),))
    index.quiet(Noise(ResourceSettings(ignore_updates=(rule,))))
    body = an_event(9, "c")
    assert index.put(canonical(body), body, kind) == frozenset()


def test_versions_are_compared_as_numbers_where_they_are() -> None:
    assert is_newer("10", "9")
    assert not is_newer("9", "10")
    assert not is_newer("9", "9")
    assert is_newer("b", "a")


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line), max_size=8), st.data())
def test_lines_come_out_whole_however_the_bytes_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(1_000_000)
    found: list[bytes] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:cut])
        stream = stream[cut:]
    assert found == lines
