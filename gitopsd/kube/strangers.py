"""Objects of watched kinds that no application cares for: their names, and whose children they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitopsd.core.ids import GroupKind, ObjectKey


class Strangers:
    """Some 150 bytes for each, 100 more if another object owns it."""

    def __init__(self) -> None:
        self._places: dict[GroupKind, set[str]] = {}
        self._orphans: dict[GroupKind, dict[bytes, tuple[str, ...]]] = {}

    def __contains__(self, key: ObjectKey) -> bool:
        return place(key) in self._places.get(key.group_kind, ())

    def count(self, kind: GroupKind) -> int:
        """How many of a kind there are."""
        return len(self._places.get(kind, ()))

    def add(self, key: ObjectKey, owner_uids: Iterable[str]) -> None:
        """`key` exists, and is a child of these owners, none of which is known."""
        where = place(key)
        self._places.setdefault(key.group_kind, set()).add(where)
        for uid in owner_uids:
            orphans = self._orphans.setdefault(key.group_kind, {})
            packed = _packed(uid)
            siblings = orphans.get(packed, ())
            if where not in siblings:
                orphans[packed] = (*siblings, where)

    def discard(self, key: ObjectKey, owner_uids: Iterable[str]) -> None:
        """`key` is gone, or no stranger any more."""
        where = place(key)
        self._places.get(key.group_kind, set()).discard(where)
        orphans = self._orphans.get(key.group_kind)
        for uid in owner_uids if orphans else ():
            _remove(orphans, _packed(uid), where)

    def orphans(self, uid: str) -> Iterator[ObjectKey]:
        """The strangers that `uid` owns."""
        packed = _packed(uid)
        for kind, orphans in self._orphans.items():
            for where in orphans.get(packed, ()):
                namespace, _, name = where.rpartition("/")
                yield ObjectKey(kind.group, kind.kind, namespace, name)

    def keep(self, kind: GroupKind, places: Iterable[str], namespace: str = "") -> None:
        """Of this kind (in this namespace) only those at `places` still exist."""
        known = self._places.get(kind, set())
        kept = known.intersection(places)
        if namespace:
            kept.update(where for where in known if not where.startswith(f"{namespace}/"))
        self._places[kind] = kept
        packed = {uid: tuple(p for p in group if p in kept) for uid, group in self._orphans.get(kind, {}).items()}
        self._orphans[kind] = {uid: group for uid, group in packed.items() if group}

    def close(self, kind: GroupKind) -> None:
        """Nobody watches this kind any more."""
        self._places.pop(kind, None)
        self._orphans.pop(kind, None)


def place(key: ObjectKey) -> str:
    """`namespace/name`, or the name alone: what tells objects of one kind apart."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name


def _packed(uid: str) -> bytes:
    try:
        return bytes.fromhex(uid.replace("-", ""))
    except ValueError:
        return uid.encode()


def _remove(orphans: dict[bytes, tuple[str, ...]] | None, uid: bytes, where: str) -> None:
    if orphans is None or uid not in orphans:
        return
    siblings = tuple(sibling for sibling in orphans[uid] if sibling != where)
    if siblings:
        orphans[uid] = siblings
    else:
        del orphans[uid]
