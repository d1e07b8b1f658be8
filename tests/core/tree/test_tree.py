"""The tree of an application, kept up by deltas."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.node import node_of
from gitopsd.core.tree.tree import Tree
from gitopsd.core.tree.view import View, arranged
from tests.core.tree.objects import live, managed

DEPLOYMENT = live("Deployment", "web", api_version="apps/v1", spec={"replicas": 2}, status={"readyReplicas": 1})
REPLICA_SET = live("ReplicaSet", "web-1", api_version="apps/v1", owners=("Deployment-web",))
POD = live("Pod", "web-1-a", owners=("ReplicaSet-web-1",), labels={"app": "web"})


def seen(tree: Tree, *roots: LiveObject) -> View:
    """The view of all that the tree has."""
    tree.read(tree.stale(), {})
    return arranged(tree.nodes(), [managed(root) for root in roots])


def names(view: View) -> list[str]:
    return [f"{placed.ref.gvk.kind}/{placed.ref.name}" for placed in view.nodes]


def test_children_stand_below_their_owners() -> None:
    tree = Tree()
    for one in (POD, REPLICA_SET, DEPLOYMENT):
        tree.put(one)
    view = seen(tree, DEPLOYMENT)
    assert names(view) == ["Deployment/web", "ReplicaSet/web-1", "Pod/web-1-a"]
    assert [[parent.name for parent in placed.parents] for placed in view.nodes] == [[], ["web"], ["web-1"]]
    assert [placed.managed is not None for placed in view.nodes] == [True, False, False]


def test_a_managed_object_that_is_not_there_is_shown_without_a_node() -> None:
    key = ObjectKey("", "ConfigMap", "shop", "gone")
    status = ResourceStatus(key, GVK("", "v1", "ConfigMap"), SyncCode.OUT_OF_SYNC, Health(HealthStatus.MISSING))
    [placed] = arranged({}, [status]).nodes
    assert (placed.node, placed.managed, placed.ref.uid, placed.ref.gvk.version) == (None, status, "", "v1")


def test_what_no_managed_object_leads_to_is_not_shown() -> None:
    tree = Tree()
    tree.put(POD)
    tree.put(DEPLOYMENT)
    assert names(seen(tree, DEPLOYMENT)) == ["Deployment/web"]


def test_a_managed_object_that_another_one_owns_stands_below_it() -> None:
    tree = Tree()
    owned = live("ConfigMap", "owned", owners=("Deployment-web",))
    for one in (owned, DEPLOYMENT):
        tree.put(one)
    view = seen(tree, owned, DEPLOYMENT)
    assert names(view) == ["Deployment/web", "ConfigMap/owned"]
    assert view.nodes[1].managed is not None


def test_objects_that_own_each_other_in_a_ring_are_shown_once() -> None:
    tree = Tree()
    one, other = live("A", "a", owners=("A-b",)), live("A", "b", owners=("A-a",))
    tree.put(one)
    tree.put(other)
    assert names(seen(tree, one)) == ["A/a", "A/b"]
    assert names(seen(tree, other, one)) == ["A/b", "A/a"]


def test_an_object_with_two_owners_is_shown_once_with_both() -> None:
    tree = Tree()
    first, second = live("A", "first"), live("A", "second")
    shared = live("B", "shared", owners=(second.uid, first.uid))
    for one in (shared, second, first):
        tree.put(one)
    view = seen(tree, first, second)
    assert names(view) == ["A/first", "B/shared", "A/second"]
    assert [parent.name for parent in view.nodes[1].parents] == ["second", "first"]


def test_claims_stand_below_the_set_whose_template_they_come_from() -> None:
    tree = Tree()
    templates = [{"metadata": {"name": "data"}}, {"metadata": {"name": "my-log"}}]
    database = live("StatefulSet", "my-db", api_version="apps/v1", spec={"volumeClaimTemplates": templates})
    claims = [live("PersistentVolumeClaim", name) for name in ("data-my-db-0", "my-log-my-db-12")]
    others = [live("PersistentVolumeClaim", name) for name in ("data-my-db-x", "log-my-db-0", "data-other-0", "0")]
    abroad = live("PersistentVolumeClaim", "data-my-db-1", namespace="bank")
    for one in (*claims, *others, abroad, database):
        tree.put(one)
    view = seen(tree, database)
    assert [placed.ref.name for placed in view.nodes] == ["my-db", "data-my-db-0", "my-log-my-db-12"]
    assert view.nodes[1].parents[0].gvk.kind == "StatefulSet"


def test_owners_that_only_names_and_annotations_tell_are_found() -> None:
    tree = Tree()
    service = live("Service", "web")
    account = live("ServiceAccount", "bot", uid="account-uid")
    group = live("OperatorGroup", "operators", api_version="operators.coreos.com/v1")
    below = [
        live("Endpoints", "web"),
        live(
            "EndpointSlice", "web-abc", api_version="discovery.k8s.io/v1", labels={"kubernetes.io/service-name": "web"}
        ),
        live(
            "Secret",
            "bot-token",
            type="kubernetes.io/service-account-token",
            annotations={"kubernetes.io/service-account.uid": "account-uid"},
        ),
        live(
            "ClusterServiceVersion",
            "operator.v1",
            api_version="operators.coreos.com/v1alpha1",
            annotations={"olm.operatorGroup": "operators"},
        ),
    ]
    for one in (*below, service, account, group):
        tree.put(one)
    assert names(seen(tree, service, account, group)) == [
        "Service/web",
        "Endpoints/web",
        "EndpointSlice/web-abc",
        "ServiceAccount/bot",
        "Secret/bot-token",
        "OperatorGroup/operators",
        "ClusterServiceVersion/operator.v1",
    ]


def test_an_object_older_than_what_is_known_says_nothing() -> None:
    tree = Tree()
    tree.put(live("Pod", "a", version=10, status={"phase": "Running"}))
    assert not tree.put(live("Pod", "a", version=9, status={"phase": "Pending"}))
    node = seen(tree, live("Pod", "a")).nodes[0].node
    assert node is not None
    assert dict(node.info)["Status Reason"] == "Running"


def test_an_object_made_anew_is_another_one_whatever_its_version() -> None:
    tree = Tree()
    assert tree.put(live("Pod", "a", uid="old", version=10))
    assert tree.put(live("Pod", "a", uid="new", version=9))
    assert not tree.concerns(ObjectKey("", "X", "shop", "x"), ["old"])
    assert tree.concerns(ObjectKey("", "X", "shop", "x"), ["new"])


def test_what_is_gone_is_gone_with_all_below_it() -> None:
    tree = Tree()
    for one in (DEPLOYMENT, REPLICA_SET, POD):
        tree.put(one)
    tree.drop(REPLICA_SET.key)
    assert names(seen(tree, DEPLOYMENT)) == ["Deployment/web"]
    tree.drop(REPLICA_SET.key)
    assert len(tree) == 2


def test_one_event_in_a_tree_of_5000_costs_one_node() -> None:
    tree = Tree()
    tree.put(DEPLOYMENT)
    tree.put(REPLICA_SET)
    for number in range(5000):
        tree.put(live("Pod", f"web-{number}", owners=("ReplicaSet-web-1",)))
    assert len(seen(tree, DEPLOYMENT).nodes) == 5002
    before = tree.work
    tree.put(live("Pod", "web-77", version=2, owners=("ReplicaSet-web-1",), status={"phase": "Failed"}))
    assert [one.key.name for one in tree.stale()] == ["web-77"]
    changed = next(placed for placed in seen(tree, DEPLOYMENT).nodes if placed.ref.name == "web-77")
    assert tree.work == before + 1
    assert changed.node is not None
    assert dict(changed.node.info)["Status Reason"] == "Failed"


def test_the_health_of_a_child_is_the_verdict_on_its_present_version() -> None:
    tree = Tree()
    tree.put(POD)
    judged = tree.stale()
    tree.put(live("Pod", "web-1-a", version=2, owners=("ReplicaSet-web-1",)))
    tree.read(judged, {POD.key: Health(HealthStatus.HEALTHY)})
    assert [one.resource_version for one in tree.stale()] == ["2"]
    assert tree.nodes() == {}
    tree.read(tree.stale(), {POD.key: Health(HealthStatus.DEGRADED)})
    assert tree.nodes()[POD.key].health == Health(HealthStatus.DEGRADED)


def test_traffic_flows_from_ingress_to_service_to_the_pods_of_its_selector() -> None:
    tree = Tree()
    rules = [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]
    ingress = live("Ingress", "front", api_version="networking.k8s.io/v1", spec={"rules": rules})
    service = live("Service", "web", spec={"selector": {"app": "web", "tier": "front"}})
    headless = live("Service", "none", spec={})
    right = live("Pod", "right", labels={"app": "web", "tier": "front", "more": "1"})
    wrong = live("Pod", "wrong", labels={"app": "web"})
    abroad = live("Pod", "abroad", namespace="bank", labels={"app": "web", "tier": "front"})
    every = (ingress, service, headless, right, wrong, abroad)
    for one in every:
        tree.put(one)
    targets = {placed.ref.name: [ref.name for ref in placed.targets] for placed in seen(tree, *every).nodes}
    assert targets == {"front": ["web"], "web": ["right"], "none": [], "right": [], "wrong": [], "abroad": []}


def test_a_gateway_sends_traffic_to_its_routes_and_they_to_services() -> None:
    tree = Tree()
    api = "gateway.networking.k8s.io/v1"
    gateway = live("Gateway", "edge", api_version=api, spec={"listeners": []})
    spec: JsonObject = {
        "parentRefs": [{"name": "edge"}],
        "rules": [{"backendRefs": [{"name": "web"}, {"name": "outside"}]}],
    }
    route = live("HTTPRoute", "web", api_version=api, spec=spec)
    service = live("Service", "web")
    for one in (gateway, route, service):
        tree.put(one)
    shown = seen(tree, gateway, route, service).nodes
    targets = {placed.ref.gvk.kind: [(ref.gvk.kind, ref.name) for ref in placed.targets] for placed in shown}
    assert targets == {"Gateway": [("HTTPRoute", "web")], "HTTPRoute": [("Service", "web")], "Service": []}


def test_orphaned_and_unreadable_are_told_beside_the_tree() -> None:
    lost = node_of(live("ConfigMap", "lost"), None)
    view = arranged({}, [], [lost], {GroupKind("", "Pod"): "may not be listed"})
    assert [placed.ref.name for placed in view.orphaned] == ["lost"]
    assert view.unreadable == {GroupKind("", "Pod"): "may not be listed"}


PARENTS = {"d1": [], "r1": ["d1"], "r2": ["d1"], "p1": ["r1"], "p2": ["r1", "r2"], "s1": [], "p3": ["s1", "d1"]}


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """For each object a number of versions (0: it is deleted), in an order that mixes the objects at will."""
    events = [(name, version) for name in PARENTS for version in draw(st.lists(st.integers(0, 1), max_size=4))]
    order = draw(st.permutations(range(len(events))))
    mixed = [events[place][0] for place in order]
    waiting = {name: [kept for kept in events if kept[0] == name] for name in PARENTS}
    return [waiting[name].pop(0) for name in mixed]


@given(histories(), st.integers(0, 2**32))
def test_any_order_of_events_gives_the_tree_that_building_it_anew_gives(
    events: list[tuple[str, int]], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - when to look, no secret
    tree = Tree()
    now: dict[str, LiveObject] = {}
    for number, (name, there) in enumerate(events, start=1):
        owners = tuple(f"A-{owner}" for owner in PARENTS[name])
        one = live("A", name, version=number, owners=owners, labels={"number": str(number)})
        if there:
            now[name] = one
            tree.put(one)
        else:
            now.pop(name, None)
            tree.drop(one.key)
        if chance.random() < 0.3:
            tree.read(tree.stale(), {})
    roots = [live("A", "d1"), live("A", "s1")]
    anew = Tree()
    for name in sorted(now):
        anew.put(now[name])
    assert seen(tree, *roots) == seen(anew, *roots)
