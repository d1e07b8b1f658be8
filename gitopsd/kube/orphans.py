"""Objects of single namespaces that nobody owns, of all kinds: watched only where an application's project asks.

Of each object only the metadata comes over the wire (PartialObjectMetadata); applications of one namespace share the
watches. See https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import anyio
import orjson

from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Strays
from gitopsd.kube.background import Background
from gitopsd.kube.catalog import Catalog
from gitopsd.kube.follow import METADATA_ONLY, Follower, Source
from gitopsd.kube.index import Apps
from gitopsd.kube.objects import Seen, live_object
from gitopsd.kube.resource import Resource

# A service account's token: its type is not in its metadata, but this is.
_ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET: Final = GroupKind("", "Secret")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of objects elsewhere: the facts of one, whether an application wants it or is known by a mark."""

    look: Callable[[JsonObject, GVK], Seen]
    wanted: Callable[[ObjectKey], bool]
    known: Callable[[str], bool]
    excluded: Callable[[GroupKind], bool]


class Orphans:
    """The strays of one cluster. `notify` hears of the applications for which they changed."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        around: Surroundings,
        notify: Callable[[Apps], None],
        background: Background,
        *,
        grace: float,
    ) -> None:
        self._source = source
        self._catalog = catalog
        self._around = around
        self._notify = notify
        self._background = background
        self._grace = grace
        self._served: tuple[Resource, ...] = ()
        self._kinds: tuple[Resource, ...] = ()
        self._places: dict[str, _Place] = {}
        self._marks: dict[str, set[str]] = {}
        self._asked: dict[AppName, str] = {}
        self._askers: dict[str, set[AppName]] = {}

    async def strays(self, app: AppName, namespace: str) -> Strays:
        """What `app` finds in the namespace now; from now on it is told of changes. Never waits for a list.

        Raises `ClusterError` if the API server does not tell its kinds.
        """
        if self._asked.get(app) != namespace:
            self.forget(app)
            self._asked[app] = namespace
            self._askers.setdefault(namespace, set()).add(app)
        kinds = self._included(await self._catalog.namespaced())
        if self._asked.get(app) != namespace:
            return Strays(complete=False)
        place = self._places.get(namespace)
        if place is None:
            place = self._places[namespace] = _Place(namespace, self._around, self._marks, self._changed)
        if place.kinds is not kinds:
            self._follow(place, kinds)
        return place.strays()

    def forget(self, app: AppName) -> None:
        """`app` does not ask any more; what nobody asks for is let go after a grace."""
        namespace = self._asked.pop(app, "")
        askers = self._askers.get(namespace, set())
        askers.discard(app)
        if namespace and not askers:
            self._askers.pop(namespace, None)
            self._background.start_soon(self._close_later, namespace)

    def asking(self) -> Apps:
        """The applications that ask."""
        return Apps(self._asked)

    def wants_changed(self, keys: Collection[ObjectKey]) -> None:
        """Some application wants these objects now, or no longer does."""
        for namespace in {key.namespace for key in keys if self._places} & self._places.keys():
            if any(self._places[namespace].concerned(key) for key in keys):
                self._changed(namespace)

    def turned(self, mark: str) -> None:
        """The application with this mark came, or went."""
        for namespace in tuple(self._marks.get(mark, ())):
            self._changed(namespace)

    def reconsider(self) -> None:
        """Other kinds may be excluded now; who asks again sees to that."""
        self._served = self._kinds = ()

    def close(self) -> None:
        """Let everything go: what objects mean is another thing now. Who asks again begins anew."""
        for place in self._places.values():
            place.keep(())
        self._places.clear()

    def _included(self, served: tuple[Resource, ...]) -> tuple[Resource, ...]:
        """Those that are not excluded: the same value as long as nothing changed, for it is asked at each pass."""
        if served != self._served:
            self._served = served
            self._kinds = tuple(item for item in served if not self._around.excluded(item.gvk.group_kind))
        return self._kinds

    def _follow(self, place: _Place, kinds: tuple[Resource, ...]) -> None:
        """Follow exactly these kinds there."""
        place.kinds = kinds
        wanted = {item.gvk.group_kind: item for item in kinds}
        place.keep(wanted.values())
        for kind, resource in wanted.items():
            if kind not in place.followed:
                sink = _Kind(place, resource.gvk)
                follower = Follower(self._source, resource, sink, namespace=place.namespace, accept=METADATA_ONLY)
                followed = _Followed(follower, anyio.CancelScope())
                place.follow(kind, followed)
                self._background.start_soon(_run, followed)

    def _changed(self, namespace: str) -> None:
        self._notify(Apps(self._askers.get(namespace, ())))

    async def _close_later(self, namespace: str) -> None:
        await anyio.sleep(self._grace)
        if namespace not in self._askers and (place := self._places.pop(namespace, None)) is not None:
            place.keep(())


@dataclass(frozen=True, slots=True)
class _Followed:
    follower: Follower
    scope: anyio.CancelScope


async def _run(followed: _Followed) -> None:
    with followed.scope:
        await followed.follower.run()


class _Place:
    """One namespace: the kinds that are followed there, and what they hold that nobody owns."""

    def __init__(
        self, namespace: str, around: Surroundings, marks: dict[str, set[str]], changed: Callable[[str], None]
    ) -> None:
        self.namespace = namespace
        self.around = around
        self._marks = marks
        self.kinds: tuple[Resource, ...] = ()
        self.followed: dict[GroupKind, _Followed] = {}
        self._changed = changed
        self._objects: dict[ObjectKey, LiveObject] = {}
        self._by_mark: dict[str, dict[ObjectKey, None]] = {}
        self._complete = False
        self._news = False

    def concerned(self, key: ObjectKey) -> bool:
        """Whether it holds this object, and no application that is known tracks it."""
        live = self._objects.get(key)
        return live is not None and not self.around.known(live.owner)

    def strays(self) -> Strays:
        """As they are now: work follows those that are nobody's, not all that there are."""
        tracked = {
            mark: tuple(self._objects[key] for key in keys)
            for mark, keys in self._by_mark.items()
            if mark and not self.around.known(mark)
        }
        wanted = self.around.wanted
        return Strays(
            tuple(self._objects[key] for key in self._by_mark.get("", ()) if not wanted(key)),
            tracked,
            self._is_complete(),
            {kind: str(item.follower.error) for kind, item in self.followed.items() if item.follower.error is not None},
        )

    def follow(self, kind: GroupKind, followed: _Followed) -> None:
        """Another kind, which has to be listed first."""
        self.followed[kind] = followed
        self._complete = False

    def keep(self, resources: Iterable[Resource]) -> None:
        """Follow none but these, at these versions; forget the objects of the others."""
        kept = {item.gvk.group_kind: item for item in resources}
        for kind, followed in list(self.followed.items()):
            if kept.get(kind) != followed.follower.resource:
                followed.scope.cancel()
                followed.follower.end()
                del self.followed[kind]
                for key in [key for key in self._objects if key.group_kind == kind]:
                    self.drop(key)

    def put(self, live: LiveObject) -> None:
        """An object that nobody owns."""
        before = self._objects.get(live.key)
        if before is not None and before.owner != live.owner:
            self.drop(live.key)
            before = None
        self._objects[live.key] = live
        self._by_mark.setdefault(live.owner, {})[live.key] = None
        self._marks.setdefault(live.owner, set()).add(self.namespace)
        if before is None or before.uid != live.uid:
            self._news = self._news or not self.around.known(live.owner)

    def drop(self, key: ObjectKey) -> None:
        """It is gone, or somebody owns it."""
        before = self._objects.pop(key, None)
        if before is not None:
            keys = self._by_mark[before.owner]
            del keys[key]
            if not keys:
                del self._by_mark[before.owner]
                self._forget_mark(before.owner)
            self._news = self._news or not self.around.known(before.owner)

    def _forget_mark(self, mark: str) -> None:
        self._marks[mark].discard(self.namespace)
        if not self._marks[mark]:
            del self._marks[mark]

    def of(self, kind: GroupKind) -> list[ObjectKey]:
        """The objects of a kind."""
        return [key for key in self._objects if key.group_kind == kind]

    def flush(self) -> None:
        """No more changes are at hand for now: tell of them, and of the end of the last list."""
        complete = self._is_complete()
        if complete and (self._news or not self._complete):
            self._complete, self._news = True, False
            self._changed(self.namespace)

    def _is_complete(self) -> bool:
        followers = [item.follower for item in self.followed.values()]
        return all(follower.listed or follower.error is not None for follower in followers)


class _Kind:
    """The sink of one kind in one namespace."""

    def __init__(self, place: _Place, gvk: GVK) -> None:
        self._place = place
        self._gvk = gvk
        self._listed: set[ObjectKey] | None = None

    def begin(self) -> None:
        """As `Sink` says."""
        self._listed = set()

    def end(self) -> None:
        """As `Sink` says."""
        listed, self._listed = self._listed or set(), None
        for key in self._place.of(self._gvk.group_kind):
            if key not in listed:
                self._place.drop(key)

    def put(self, raw: bytes, body: JsonObject) -> None:  # noqa: ARG002  # the protocol's; the raw object has no kind
        """As `Sink` says."""
        seen = self._place.around.look(body, self._gvk)
        if self._listed is not None:
            self._listed.add(seen.key)
        if seen.foreign or seen.owners or _is_token(seen.key, body):
            self._place.drop(seen.key)
        else:
            self._place.put(live_object(seen, self._gvk, _reduced(body, self._gvk)))

    def remove(self, body: JsonObject) -> None:
        """As `Sink` says."""
        self._place.drop(self._place.around.look(body, self._gvk).key)

    def flush(self) -> None:
        """As `Sink` says."""
        self._place.flush()

    def turned(self) -> None:
        """As `Sink` says."""
        self._place.flush()


def _is_token(key: ObjectKey, body: JsonObject) -> bool:
    return key.group_kind == _SECRET and text(body, "metadata", "annotations", _ACCOUNT_UID) != ""


def _reduced(body: JsonObject, gvk: GVK) -> bytes:
    """Without what may be long: the fields' managers, and what kubectl keeps of a manifest, even of a Secret's."""
    metadata = dict(mapping(body, "metadata"))
    metadata.pop("managedFields", None)
    annotations = {key: item for key, item in mapping(metadata, "annotations").items() if key != _LAST_APPLIED}
    small: dict[str, JsonValue] = {"apiVersion": gvk.api_version, "kind": gvk.kind}
    return orjson.dumps({**small, "metadata": {**metadata, "annotations": annotations}})
