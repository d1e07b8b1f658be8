"""Objects of watched kinds that no application cares for: that they exist, and whose children they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.kube.places import Places

_SEPARATOR: Final = b"\n"
_EVERYWHERE: Final = ""


class Strangers:
    """Some 16 bytes for each, and those of its name and 100 more if another object owns it: of these the names are
    kept, since they have to be read once their owner matters.
    """

    def __init__(self) -> None:
        self._rooms: dict[GroupKind, dict[str, _Room]] = {}
        self._listing: dict[GroupKind, dict[str, _Room]] = {}

    def __contains__(self, key: ObjectKey) -> bool:
        rooms = self._rooms_of(key)
        if not rooms:
            return False
        where = place(key)
        return any(where in room.places for room in rooms)

    def count(self, kind: GroupKind) -> int:
        """How many of a kind there are."""
        return sum(len(room.places) for room in self._rooms.get(kind, {}).values())

    def add(self, key: ObjectKey, owners: Iterable[str]) -> None:
        """`key`, of a kind that is watched, exists, and is a child of these owners, none of which is known."""
        rooms = self._rooms_of(key)
        if not rooms:
            return
        where = place(key)
        rooms[-1].places.add(where)
        for owner in owners:
            rooms[-1].adopt(_number(owner), where.encode())

    def discard(self, key: ObjectKey, owners: Iterable[str]) -> None:
        """`key` is gone, or no stranger any more."""
        rooms = self._rooms_of(key)
        if not rooms:
            return
        where = place(key)
        for room in rooms:
            room.places.discard(where)
            for owner in owners if room.children else ():
                room.part(_number(owner), where.encode())

    def orphans(self, owner: str) -> Iterator[ObjectKey]:
        """The strangers that `owner` owns, and once in a long while one of somebody else's."""
        number = _number(owner)
        for kind, rooms in self._rooms.items():
            for room in (*rooms.values(), *self._listing.get(kind, {}).values()):
                for packed in room.children.get(number, b"").split(_SEPARATOR):
                    if packed:
                        namespace, _, name = packed.decode().rpartition("/")
                        yield ObjectKey(kind.group, kind.kind, namespace, name)

    def begin(self, kind: GroupKind, namespace: str = _EVERYWHERE) -> None:
        """A list of this kind (in this namespace) begins: what is not added until its `end` is gone."""
        self._rooms.setdefault(kind, {}).setdefault(namespace, _Room())
        self._listing.setdefault(kind, {})[namespace] = _Room()

    def end(self, kind: GroupKind, namespace: str = _EVERYWHERE) -> None:
        """The list is complete."""
        listed = self._listing.get(kind, {}).pop(namespace, None)
        if listed is not None:
            self._rooms[kind][namespace] = listed

    def close(self, kind: GroupKind) -> None:
        """Nobody watches this kind any more."""
        self._rooms.pop(kind, None)
        self._listing.pop(kind, None)

    def _rooms_of(self, key: ObjectKey) -> list[_Room]:
        """Where it may be; the last is where it belongs."""
        kind = key.group_kind
        if kind not in self._rooms:
            return []
        found: list[_Room] = []
        for rooms in (self._rooms[kind], self._listing.get(kind)):
            room = (rooms.get(_EVERYWHERE) or rooms.get(key.namespace)) if rooms else None
            if room is not None:
                found.append(room)
        return found


class _Room:
    """The strangers of one kind that one watch sees. `children`: owner → the places of what it owns, line by line."""

    __slots__ = ("children", "places")

    def __init__(self) -> None:
        self.places = Places()
        self.children: dict[int, bytes] = {}

    def adopt(self, owner: int, where: bytes) -> None:
        known = self.children.get(owner)
        if known is None:
            self.children[owner] = where
        elif where not in known.split(_SEPARATOR):
            self.children[owner] = known + _SEPARATOR + where

    def part(self, owner: int, where: bytes) -> None:
        left = [other for other in self.children.get(owner, b"").split(_SEPARATOR) if other and other != where]
        if left:
            self.children[owner] = _SEPARATOR.join(left)
        else:
            self.children.pop(owner, None)


def place(key: ObjectKey) -> str:
    """`namespace/name`, or the name alone: what tells objects of one kind apart."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name


def _number(owner: str) -> int:
    """60 bits, which take two digits of Python's. Two owners of one number cost a read too many."""
    return hash(owner) & 0xFFF_FFFF_FFFF_FFFF
