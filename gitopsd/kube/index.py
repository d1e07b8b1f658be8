"""The live objects of one cluster that matter to applications: by key, by application, by owner.

Whatever else exists of the watched kinds is a stranger, of which little more than the name is kept: so that an
application that comes to want it later costs one request, and one that wants what does not exist costs none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from gitopsd.core.app import BY_ANNOTATION, Tracking
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject, is_newer
from gitopsd.core.noise import Noise
from gitopsd.core.tracking import mark
from gitopsd.kube.news import News
from gitopsd.kube.objects import Seen, as_bytes, live_object, look, reduced
from gitopsd.kube.strangers import Strangers
from gitopsd.kube.vanished import Vanished
from gitopsd.ports.cluster import ObjectListener

Apps = frozenset[AppName]

# Kept although nobody tracks them: each application with `CreateNamespace` asks for one, and they are small and few.
_NAMESPACE: Final = GroupKind("", "Namespace")
_DEEPEST: Final = 10
_DELETED: Final = 1_000
_NOBODY: Final[Apps] = frozenset()


class _Held(NamedTuple):
    """The last event of an object while an apply of ours is under way."""

    version: str = ""
    gone: bool = False
    apps: Apps = _NOBODY


class Index:
    """Kept up by the watches of its kinds: a `put` or `remove` for each event, which says which apps it concerns.

    `fetch` is called with the keys of strangers that have to be read because their owner became known; whoever reads
    them gives them to `fill`. `changed` hears of each object that is kept, or no longer (None).
    """

    def __init__(
        self,
        fetch: Callable[[Collection[ObjectKey]], None] = lambda _: None,
        tracking: Tracking = BY_ANNOTATION,
        *,
        changed: ObjectListener = lambda _key, _live: None,
        noise: Noise | None = None,
    ) -> None:
        self._fetch = fetch
        self._changed = changed
        self._tracking = tracking
        self._shortened: dict[str, AppName] = {}
        self._news = News(noise or Noise())
        self._objects: dict[GroupKind, dict[ObjectKey, LiveObject]] = {}
        self._strangers = Strangers()
        self._unlisted: dict[tuple[GroupKind, str], set[ObjectKey]] = {}
        self._deleted: dict[str, GroupKind] = {}
        self._by_app: dict[str, dict[ObjectKey, None]] = {}
        self._by_uid: dict[str, ObjectKey] = {}
        self._children: dict[str, dict[ObjectKey, None]] = {}
        self._wanted: dict[ObjectKey, tuple[AppName, ...]] = {}
        self._wants: dict[AppName, frozenset[ObjectKey]] = {}
        self._reduced: set[ObjectKey] = set()
        self._held: dict[ObjectKey, _Held] = {}
        self._vanished = Vanished()

    def track(self, tracking: Tracking) -> None:
        """Read objects' marks like this from now on. The caller closes all kinds, so that they are listed anew."""
        self._tracking = tracking
        self._shortened.clear()

    def quiet(self, noise: Noise) -> None:
        """Take these changes for none from now on."""
        self._news.replace(noise)

    # ---- what applications want

    def want(self, app: AppName, keys: Collection[ObjectKey]) -> None:
        """`app` wants exactly `keys` from now on; those that are `unread` then have to be read (then: `fill`)."""
        wanted = frozenset(keys)
        before = self.wants(app)
        shown = mark(app, self._tracking)
        if shown != app:
            self._shortened[shown] = app
        if wanted == before:
            return
        if wanted:
            self._wants[app] = wanted
        else:
            self._wants.pop(app, None)
        alone = (app,)
        for key in wanted - before:
            others = self._wanted.get(key)
            self._wanted[key] = alone if others is None else (*others, app)
        for key in before - wanted:
            self._unwant(key, app)

    def wants(self, app: AppName) -> frozenset[ObjectKey]:
        """The keys that `app` wants."""
        return self._wants.get(app, frozenset())

    def is_wanted(self, key: ObjectKey) -> bool:
        """Whether any application wants it."""
        return key in self._wanted

    def app_of(self, mark: str) -> AppName:
        """The application that such a mark means."""
        return self._shortened.get(mark) or AppName(mark)

    def unread(self, keys: Iterable[ObjectKey]) -> list[ObjectKey]:
        """Those of `keys` that exist and are not kept in full."""
        return [key for key in keys if key in self._reduced or (self.get(key) is None and key in self._strangers)]

    def of(self, app: AppName, keys: Iterable[ObjectKey]) -> dict[ObjectKey, LiveObject]:
        """The objects with `keys`, and all tracked as `app`'s that no other object owns (as in Argo CD)."""
        found = {key: live for key in keys if (live := self.get(key)) is not None}
        shown = mark(app, self._tracking)
        for key in self._by_app.get(shown, ()):
            if key not in found and (live := self.get(key)) is not None:
                found[key] = live
        if shown != app:
            return {key: replace(live, owner=app) if live.owner == shown else live for key, live in found.items()}
        return found

    def count(self, kind: GroupKind) -> tuple[int, int]:
        """How many objects of a kind are kept, and how many are there in all."""
        kept = len(self._objects.get(kind, ()))
        return kept, kept + self._strangers.count(kind)

    def get(self, key: ObjectKey) -> LiveObject | None:
        """The object if it is kept."""
        return self._objects.get(key.group_kind, {}).get(key)

    def kept_as(self, seen: Seen, gvk: GVK) -> LiveObject | None:
        """The object if it is kept in full exactly as it was seen now."""
        known = self.get(seen.key)
        if known is None or seen.key in self._reduced:
            return None
        now = (seen.uid, seen.resource_version, gvk)
        return known if (known.uid, known.resource_version, known.gvk) == now else None

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """The last state of a hook's object that was deleted (with this uid, or the last of its name)."""
        return self._vanished.last_seen(key, uid)

    def children(self, uids: Iterable[str]) -> Sequence[LiveObject]:
        """Kept objects that `uids` own, directly or through others."""
        found: dict[ObjectKey, LiveObject] = {}
        waiting = [name for uid in uids for name in self._names(uid)]
        while waiting:
            for key in self._children.get(waiting.pop(), ()):
                if key not in found and (live := self.get(key)) is not None:
                    found[key] = live
                    waiting += (live.uid, *live.aliases)
        return list(found.values())

    # ---- what watches tell

    def look(self, body: JsonObject, gvk: GVK) -> Seen:
        """The facts of an object."""
        return look(body, gvk.group, gvk.kind, self._tracking)

    def begin(self, kind: GroupKind, namespace: str = "") -> None:
        """A list of `kind` (in `namespace` only) begins: whatever `put` does not name until `end` is gone."""
        known = self._objects.setdefault(kind, {})
        self._unlisted[kind, namespace] = {key for key in known if namespace in ("", key.namespace)}
        self._strangers.begin(kind, namespace)
        for uid in [uid for uid, deleted in self._deleted.items() if deleted == kind]:
            del self._deleted[uid]

    def end(self, kind: GroupKind, namespace: str = "") -> Apps:
        """The list is complete. Gives the applications of what is gone."""
        self._strangers.end(kind, namespace)
        gone = self._unlisted.pop((kind, namespace), ())
        for key in gone:
            if (live := self.get(key)) is not None:
                self._vanished.note(live)
        return _NOBODY.union(*[self._drop(key, ()) for key in gone])

    def put(self, raw: bytes, body: JsonObject, gvk: GVK) -> Apps:
        """An object as it is now. Gives the applications to tell: none if nothing changed, or while it is held.

        What a list names counts even if it is older than what was known when the list began: API servers are restored
        from backups.
        """
        seen = self.look(body, gvk)
        first_listed = self._note_listed(seen.key)
        if seen.uid in self._deleted:
            return _NOBODY
        known = self.get(seen.key)
        if known is not None and known.uid == seen.uid:
            is_news = first_listed and seen.resource_version != known.resource_version
            if not is_news and not is_newer(seen.resource_version, known.resource_version):
                return _NOBODY
        before = self._news.said(known) if known is not None and known.uid == seen.uid else None
        apps = self._store(seen, raw, body, gvk)
        live = self.get(seen.key)
        if before is not None and live is not None and self._news.repeats(live, before):
            apps = _NOBODY
        return self._unless_held(seen, apps, gone=False)

    def remove(self, body: JsonObject, gvk: GVK) -> Apps:
        """An object was deleted. Gives the applications to tell, as `put` does."""
        seen = self.look(body, gvk)
        self._note_deleted(seen.uid, gvk.group_kind)
        known = self.get(seen.key)
        if known is not None and known.uid != seen.uid:
            return _NOBODY
        if seen.mark:
            self._vanished.note(live_object(seen, gvk, as_bytes(body)))
        return self._unless_held(seen, self._drop(seen.key, seen.owners), gone=True)

    def fill(self, key: ObjectKey, raw: bytes, body: JsonObject, gvk: GVK) -> Apps:
        """An object that `want` or `fetch` asked for; ignored if a watch said meanwhile that it is gone."""
        if not self.unread([key]):
            return _NOBODY
        return self._store(self.look(body, gvk), raw, body, gvk)

    def miss(self, key: ObjectKey) -> None:
        """An object that `want` or `fetch` asked for is not there."""
        self._strangers.discard(key, ())

    def close(self, kind: GroupKind) -> None:
        """Nobody watches `kind` any more."""
        for key in list(self._objects.get(kind, ())):
            self._drop(key, ())
        self._objects.pop(kind, None)
        for listing in [listing for listing in self._unlisted if listing[0] == kind]:
            del self._unlisted[listing]
        self._strangers.close(kind)

    # ---- our own writes: what they did is known from their answer, so their events are no news

    def hold(self, key: ObjectKey) -> None:
        """An apply of `key` begins: its events concern nobody until `release`."""
        self._held.setdefault(key, _Held())

    def release(self, key: ObjectKey, applied: LiveObject | None, body: JsonObject, writer: AppName) -> Apps:
        """`writer`'s apply ended with `applied` (None: it failed). Gives the applications to tell: to others that want
        the object, or had it, the apply is news; to the writer only events that it does not explain.
        """
        held = self._held.pop(key, _Held())
        if applied is None:
            return held.apps
        if applied.uid in self._deleted or (held.version and is_newer(held.version, applied.resource_version)):
            return held.apps
        apps = held.apps
        first_listed = self._note_listed(key)
        known = self.get(key)
        if applied.uid in self._deleted:
            return apps
        if known is not None and not first_listed and is_newer(known.resource_version, applied.resource_version):
            return apps  # another application wrote it after us, and its answer was here first
        is_news = known is None or key in self._reduced or known.resource_version != applied.resource_version
        if is_news and key.group_kind in self._objects:
            apps |= self._store(self.look(body, applied.gvk), b"", body, applied.gvk, applied)
        return apps - {writer}

    # ---- inside

    def _note_listed(self, key: ObjectKey) -> bool:
        """Whether a list is under way, and nothing was heard of the object since it began."""
        first = False
        for namespace in ("", key.namespace) if self._unlisted else ():
            unlisted = self._unlisted.get((key.group_kind, namespace), set())
            if key in unlisted:
                unlisted.discard(key)
                first = True
        return first

    def _note_deleted(self, uid: str, kind: GroupKind) -> None:
        """No object has this uid ever again: an event that says so was overtaken by that of its end."""
        self._deleted[uid] = kind
        if len(self._deleted) > _DELETED:
            del self._deleted[next(iter(self._deleted))]

    def _unless_held(self, seen: Seen, apps: Apps, *, gone: bool) -> Apps:
        held = self._held.get(seen.key)
        if held is None:
            return apps
        self._held[seen.key] = _Held(seen.resource_version, gone, held.apps | apps)
        return _NOBODY

    def _store(self, seen: Seen, raw: bytes, body: JsonObject, gvk: GVK, made: LiveObject | None = None) -> Apps:
        """Keep an object as it is now; `made` of its bytes already, or `raw`. Gives the applications to tell."""
        before = self._take_out(seen.key, seen.owners)
        apps = self._concerned(before) if before is not None else _NOBODY
        owned = seen.mark and not (seen.copied and seen.owner_uids)
        if seen.key in self._wanted or owned or seen.key.group_kind == _NAMESPACE:
            live = made or live_object(seen, gvk, raw)
        elif any(owner in self._by_uid for owner in seen.owners):
            live = live_object(seen, gvk, reduced(body, gvk))
            self._reduced.add(live.key)
        else:
            self._strangers.add(seen.key, seen.owners)
            if before is not None:
                self._changed(seen.key, None)
                self._abandon(before)
            return apps
        self._put_in(live)
        self._changed(seen.key, live)
        if before is not None and before.uid != live.uid:
            self._abandon(before)
        return apps | self._concerned(live)

    def _put_in(self, live: LiveObject) -> None:
        key = live.key
        self._objects.setdefault(key.group_kind, {})[key] = live
        adopted: list[ObjectKey] = []
        for name in (live.uid, *live.aliases):
            self._by_uid[name] = key
            adopted += self._strangers.orphans(name)
        for owner in live.owners:
            self._children.setdefault(owner, {})[key] = None
        if live.owner and not live.owner_uids:
            self._by_app.setdefault(live.owner, {})[key] = None
        if adopted:
            self._fetch(adopted)

    def _names(self, uid: str) -> tuple[str, ...]:
        """All that the children of the object with this uid know it by."""
        key = self._by_uid.get(uid)
        live = self.get(key) if key is not None else None
        return (uid, *live.aliases) if live is not None else (uid,)

    def _take_out(self, key: ObjectKey, owners: Iterable[str]) -> LiveObject | None:
        live = self._objects.get(key.group_kind, {}).pop(key, None)
        if live is None:
            self._strangers.discard(key, owners)
            return None
        self._reduced.discard(key)
        self._news.forget(key)
        for name in (live.uid, *live.aliases):
            if self._by_uid.get(name) == key:
                del self._by_uid[name]
        for owner in live.owners:
            _discard(self._children, owner, key)
        _discard(self._by_app, live.owner, key)
        return live

    def _drop(self, key: ObjectKey, owners: Iterable[str]) -> Apps:
        live = self.get(key)
        apps = self._concerned(live) if live is not None else _NOBODY
        self._take_out(key, owners)
        if live is not None:
            self._changed(key, None)
            self._abandon(live)
        return apps

    def _abandon(self, gone: LiveObject) -> None:
        """The object is no more: children that were kept for its sake alone become strangers."""
        for name in (gone.uid, *gone.aliases):
            for key in list(self._children.get(name, ())):
                self._review(key)

    def _unwant(self, key: ObjectKey, app: AppName) -> None:
        others = tuple(other for other in self._wanted.pop(key, ()) if other != app)
        if others:
            self._wanted[key] = others
        else:
            self._review(key)

    def _review(self, key: ObjectKey) -> None:
        """Keep only the name of an object that nobody wants, and that neither an application nor a kept object owns."""
        live = self.get(key)
        if live is None or key in self._wanted or key.group_kind == _NAMESPACE:
            return
        if live.owner and not (live.copied and live.owner_uids):
            return
        if not any(owner in self._by_uid for owner in live.owners):
            self._take_out(key, live.owners)
            self._strangers.add(key, live.owners)
            self._changed(key, None)
            self._abandon(live)

    def _concerned(self, live: LiveObject) -> Apps:
        return frozenset(self._apps_above(live, _DEEPEST))

    def _apps_above(self, live: LiveObject, depth: int) -> Iterator[AppName]:
        if live.owner:
            yield self.app_of(live.owner)
        yield from self._wanted.get(live.key, ())
        for name in live.owners if depth else ():
            key = self._by_uid.get(name)
            if key is not None and (owner := self.get(key)) is not None:
                yield from self._apps_above(owner, depth - 1)


def _discard(table: dict[str, dict[ObjectKey, None]], name: str, key: ObjectKey) -> None:
    keys = table.get(name)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del table[name]
