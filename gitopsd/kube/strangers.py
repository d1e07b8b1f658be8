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

    def __contains__(self, key: ObjectKey) -> bool:
        room = self._room(key)
        return room is not None and place(key) in room.places

    def count(self, kind: GroupKind) -> int:
        """How many of a kind there are."""
        return sum(len(room.places) for room in self._rooms.get(kind, {}).values())

    def add(self, key: ObjectKey, owners: Iterable[str]) -> None:
        """`key`, of a kind that is watched, exists, and is a child of these owners, none of which is known."""
        room = self._room(key)
        if room is None:
            return
        where = place(key)
        room.places.add(where)
        for owner in owners:
            room.adopt(_number(owner), where.encode())

    def discard(self, key: ObjectKey, owners: Iterable[str]) -> None:
        """`key` is gone, or no stranger any more."""
        room = self._room(key)
        if room is None:
            return
        where = place(key)
        room.places.discard(where)
        for owner in owners if room.children else ():
            room.part(_number(owner), where.encode())

    def orphans(self, owner: str) -> Iterator[ObjectKey]:
        """The strangers that `owner` owns, and once in a long while one of somebody else's."""
        number = _number(owner)
        for kind, rooms in self._rooms.items():
            for room in rooms.values():
                for packed in room.children.get(number, b"").split(_SEPARATOR):
                    if packed:
                        namespace, _, name = packed.decode().rpartition("/")
                        yield ObjectKey(kind.group, kind.kind, namespace, name)

    def open(self, kind: GroupKind, namespace: str = _EVERYWHERE) -> None:
        """This kind is watched, in this namespace or everywhere."""
        self._rooms.setdefault(kind, {}).setdefault(namespace, _Room())

    def keep(self, kind: GroupKind, places: Places, namespace: str = _EVERYWHERE) -> None:
        """Of this kind (in this namespace) only those at `places` still exist."""
        room = self._rooms.get(kind, {}).get(namespace)
        if room is not None:
            room.keep(places)

    def close(self, kind: GroupKind) -> None:
        """Nobody watches this kind any more."""
        self._rooms.pop(kind, None)

    def _room(self, key: ObjectKey) -> _Room | None:
        rooms = self._rooms.get(key.group_kind)
        if rooms is None:
            return None
        return rooms.get(_EVERYWHERE) or rooms.get(key.namespace)


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
        self._replace(owner, left)

    def keep(self, places: Places) -> None:
        self.places.keep(places)
        for owner, packed in list(self.children.items()):
            self._replace(owner, [where for where in packed.split(_SEPARATOR) if where.decode() in places])

    def _replace(self, owner: int, left: list[bytes]) -> None:
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
