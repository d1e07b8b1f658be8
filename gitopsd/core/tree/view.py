"""The tree as it is shown: what the application manages at its roots, in git's order, and below each what it owns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitopsd.core.appstatus import ResourceStatus
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.tree.network import Networking
from gitopsd.core.tree.node import Node


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by name; `uid` is "" where it is not there."""

    gvk: GVK
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """One object in its place. `node` is None where it is not in the cluster, `managed` where git does not name it.

    `parents` are those owners that are in the tree too; `targets` those in the tree that it sends traffic to.
    """

    ref: Ref
    node: Node | None
    managed: ResourceStatus | None = None
    parents: tuple[Ref, ...] = ()
    targets: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """All of an application's tree, owners before what they own; siblings by kind, namespace and name.

    `orphaned` are objects of its namespace that nobody manages. `unreadable` are kinds of which nobody can say now what
    there is, and why.
    """

    nodes: tuple[Placed, ...]
    orphaned: tuple[Placed, ...] = ()
    unreadable: Mapping[GroupKind, str] | None = None


def arranged(
    nodes: Mapping[ObjectKey, Node],
    managed: Sequence[ResourceStatus],
    orphaned: Sequence[Node] = (),
    unreadable: Mapping[GroupKind, str] | None = None,
) -> View:
    """The view of these nodes; those that no managed object leads to are left out. Depends on no order of `nodes`."""
    roots = {item.key: item for item in managed}
    keys = list(_walk(nodes, roots))
    refs = {key: _ref(nodes.get(key), roots.get(key), key) for key in keys}
    names = {name: key for key in keys if (node := nodes.get(key)) is not None for name in node.known_as}
    targets = _targets(nodes, keys)
    placed = tuple(
        Placed(
            refs[key],
            nodes.get(key),
            roots.get(key),
            _parents(nodes.get(key), names, refs),
            tuple(refs[target] for target in targets.get(key, ()) if target in refs),
        )
        for key in keys
    )
    lost = tuple(Placed(_ref(node, None, node.key), node) for node in sorted(orphaned, key=lambda node: node.key))
    return View(placed, lost, unreadable or {})


def _walk(nodes: Mapping[ObjectKey, Node], roots: Iterable[ObjectKey]) -> Iterator[ObjectKey]:
    """Roots in their order (one that another owns comes below it), each followed by all below it; each object once."""
    below: dict[str, list[ObjectKey]] = {}
    for key in sorted(nodes):
        for owner in dict.fromkeys(nodes[key].owners):
            below.setdefault(owner, []).append(key)
    names = {name for key in roots if (node := nodes.get(key)) is not None for name in node.known_as}
    tops = [key for key in roots if key not in nodes or names.isdisjoint(nodes[key].owners)]
    seen: set[ObjectKey] = set()
    # After the tops come all roots once more: some that own each other in a ring have no top above them.
    stack = [*reversed(list(roots)), *reversed(tops)]
    while stack:
        key = stack.pop()
        if key in seen:
            continue
        seen.add(key)
        yield key
        node = nodes.get(key)
        for name in reversed(node.known_as) if node is not None else ():
            stack += [child for child in reversed(below.get(name, ())) if child not in seen]


def _ref(node: Node | None, managed: ResourceStatus | None, key: ObjectKey) -> Ref:
    """At the version that it is watched at; at git's where it is not there."""
    gvk = node.gvk if node is not None else managed.gvk if managed is not None else GVK(key.group, "", key.kind)
    return Ref(gvk, key.namespace, key.name, node.uid if node is not None else "")


def _parents(node: Node | None, names: Mapping[str, ObjectKey], refs: Mapping[ObjectKey, Ref]) -> tuple[Ref, ...]:
    found = [names[owner] for owner in node.owners if owner in names] if node is not None else []
    return tuple(refs[key] for key in dict.fromkeys(found))


def _targets(nodes: Mapping[ObjectKey, Node], keys: Sequence[ObjectKey]) -> Mapping[ObjectKey, Sequence[ObjectKey]]:
    """Who sends traffic to whom: what objects name, what their selectors find, and what names them as its source."""
    told = [(key, node.networking) for key in keys if (node := nodes.get(key)) is not None and node.networking]
    labelled: dict[tuple[str, str, str], dict[ObjectKey, None]] = {}
    for key, network in told:
        for label in network.labels.items():
            labelled.setdefault((key.namespace, *label), {})[key] = None
    found: dict[ObjectKey, dict[ObjectKey, None]] = {}
    for key, network in told:
        found.setdefault(key, {}).update(dict.fromkeys([*network.targets, *_selected(key, network, labelled)]))
        for source in network.sources:
            found.setdefault(source, {})[key] = None
    return {key: list(targets) for key, targets in found.items()}


def _selected(
    key: ObjectKey, network: Networking, labelled: Mapping[tuple[str, str, str], Mapping[ObjectKey, None]]
) -> Sequence[ObjectKey]:
    """The objects of its namespace that have all labels of its selector; no selector selects nobody."""
    groups = [labelled.get((key.namespace, *label), {}) for label in network.target_labels.items()]
    if not groups:
        return ()
    fewest = min(groups, key=len)
    return [one for one in fewest if all(one in group for group in groups)]
