"""A resource tree in the words of the API (`gitopsd.web.models.tree.ApplicationTree`), drawn for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, sequence, text, value

_BRANCH, _LAST, _PASS, _GAP = "├─ ", "└─ ", "│  ", "   "
# How items are said in a line; others are led in by their name.
_SAID = {
    **dict.fromkeys(("Status Reason", "Type", "Status", "Revision", "Capacity"), "{}"),
    "Node": "on {}",
    "Containers": "{} ready",
    "Replicas": "{} ready",
    "Completions": "{} complete",
    "Restart Count": "restarts: {}",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show, with all that is above it; empty is everything. Kinds in lower case."""

    kinds: frozenset[str] = frozenset()
    health: frozenset[str] = frozenset()

    def of(self, nodes: Sequence[JsonObject]) -> list[JsonObject]:
        """Those of `nodes` to show, in their order."""
        parents = parents_of(nodes)
        kept: set[int] = set()
        for number, node in enumerate(nodes):
            here: int | None = number if self._fits(node) else None
            while here is not None and here not in kept:
                kept.add(here)
                here = parents.get(here)
        return [nodes[number] for number in sorted(kept)]

    def _fits(self, node: JsonObject) -> bool:
        kinds_fit = not self.kinds or text(node, "kind").casefold() in self.kinds
        return kinds_fit and (not self.health or text(node, "health", "status") in self.health)


def draw(name: str, tree: JsonObject, wanted: Wanted, *, wide: bool) -> bool:
    """Print the application `name` with its tree, and orphaned objects below a line of their own; whether there is
    anything to print.
    """
    nodes = wanted.of(objects(tree, "nodes"))
    orphans = wanted.of(objects(tree, "orphanedNodes"))
    if not nodes and not orphans:
        return False
    namespaces = {text(node, "namespace") for node in (*nodes, *orphans)} - {""}
    show = _Columns(wide=wide, namespaces=wide or len(namespaces) > 1)
    rows = [show.headless(name)]
    rows += [[f"{lines}{_title(node)}", *show.of(node)] for lines, node in drawn(nodes)]
    if orphans:
        rows.append(show.headless("orphaned (nobody manages them)"))
        rows += [[f"{lines}{_title(node)}", *show.of(node)] for lines, node in drawn(orphans)]
    table(["NAME", *show.titles], rows)
    return True


def drawn(nodes: Sequence[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """Each node, with the lines that lead to it."""
    parents = parents_of(nodes)
    below: dict[int | None, list[int]] = {}
    for number in range(len(nodes)):
        below.setdefault(parents.get(number), []).append(number)
    waiting = [("", number, not after) for after, number in enumerate(reversed(below.get(None, [])))]
    while waiting:
        lines, number, is_last = waiting.pop()
        yield lines + (_LAST if is_last else _BRANCH), nodes[number]
        further = lines + (_GAP if is_last else _PASS)
        waiting += [(further, child, not after) for after, child in enumerate(reversed(below.get(number, [])))]


def parents_of(nodes: Sequence[JsonObject]) -> Mapping[int, int]:
    """Index of a node → that of the node it hangs below: of its owners, the nearest that stands before it."""
    places = {uid: number for number, node in enumerate(nodes) if (uid := text(node, "uid"))}
    found: dict[int, int] = {}
    for number, node in enumerate(nodes):
        owners = [places.get(text(ref, "uid"), number) for ref in objects(node, "parentRefs")]
        before = [owner for owner in owners if owner < number]
        if before:
            found[number] = max(before)
    return found


@dataclass(frozen=True, slots=True)
class _Columns:
    """Those beside the name."""

    wide: bool
    namespaces: bool

    @property
    def titles(self) -> list[str]:
        """Their heads."""
        return [
            *(["NAMESPACE"] if self.namespaces else []),
            "SYNC",
            "HEALTH",
            *(["CREATED", "IMAGES", "TRAFFIC TO", "URLS"] if self.wide else []),
            "INFO",
        ]

    def headless(self, title: str) -> list[str]:
        """A row with nothing but its title."""
        return [title, *[""] * len(self.titles)]

    def of(self, node: JsonObject) -> list[str]:
        """The cells of one node."""
        cells = [text(node, "namespace") or "-"] if self.namespaces else []
        cells += [text(node, "sync") or "-", text(node, "health", "status") or "-"]
        if self.wide:
            network = mapping(node, "networkingInfo")
            targets = [_title(ref) for ref in objects(network, "targetRefs")]
            urls = [str(url) for url in sequence(network, "externalURLs")]
            images = [str(image) for image in sequence(node, "images")]
            cells += [text(node, "createdAt") or "-", *(",".join(each) or "-" for each in (images, targets, urls))]
        return [*cells, _said(node)]


def _title(node: JsonObject) -> str:
    return f"{text(node, 'kind')}/{text(node, 'name')}"


def _said(node: JsonObject) -> str:
    """What is wrong first, then what there is to know."""
    items = [(text(each, "name"), text(each, "value")) for each in objects(node, "info")]
    parts = [text(node, "health", "message")]
    if value(node, "requiresPruning") is True:
        parts.append("no longer in git")
    if value(node, "deleting") is True:
        parts.append("being deleted")
    parts.append(", ".join(_SAID.get(name, f"{name.lower()}: {{}}").format(said) for name, said in items))
    return "; ".join(part for part in parts if part)
