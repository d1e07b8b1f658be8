"""A cluster as the control room sees it (`gitopsd.ports.cluster.Cluster`), on a real Kubernetes API server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import anyio
import anyio.lowlevel
import orjson

from gitopsd.core.customization import ResourceSettings
from gitopsd.core.document import Document
from gitopsd.core.errors import ClusterDown, ClusterError, SpecError
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.noise import Noise
from gitopsd.core.orphans import Strays
from gitopsd.core.permit import Permit
from gitopsd.core.tracking import mark
from gitopsd.core.tree.kinds import ChildKinds, built_in_children
from gitopsd.core.unreadable import ALL_READABLE, KindPlace, Unreadable
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.background import Background
from gitopsd.kube.body import is_nonsense, parsed
from gitopsd.kube.catalog import BUILT_IN, Catalog
from gitopsd.kube.cluster_secrets import ClusterSecretsFound, read_cluster_secrets
from gitopsd.kube.definitions import DEFINITION, Definitions
from gitopsd.kube.failing import failing_lines
from gitopsd.kube.follow import Source
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.index import Apps, Index
from gitopsd.kube.link import ClusterLink
from gitopsd.kube.logs import read_logs
from gitopsd.kube.objects import live_object
from gitopsd.kube.orphans import Orphans, Surroundings
from gitopsd.kube.reader import Reader
from gitopsd.kube.refusal import Asked, aggregated_api_down
from gitopsd.kube.repository_secrets import RepositorySecretsFound, read_repository_secrets
from gitopsd.kube.resource import Resource
from gitopsd.kube.watches import Watches
from gitopsd.kube.write import Order, Writer
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster, ClusterAccess, Connection, Listener, LiveChange, ObjectListener, Patch
from gitopsd.ports.clusterstatus import ClusterStatus, WatchedKind
from gitopsd.ports.renderer import RenderTarget

OnBatch = Callable[[str, int, float], None]

_LOG: Final = logging.getLogger(__name__)
# A dry-run is made again where the object changes while it is under way; somebody who writes on and on gets the last.
_REHEARSALS_OF_ONE: Final = 3
# A 500 that is one object's trouble and no other's: a list item whose name is empty, for one.
_UNTYPED: Final = "failed to create typed live object"


@dataclass(frozen=True, slots=True)
class KubeSettings:
    """How many requests (and how many dry-runs) may be on their way at once, how long unneeded watches linger, and what
    kinds controllers make below others.
    """

    in_flight: int = 32
    rehearsals: int = 16
    grace_seconds: float = 60.0
    patience_seconds: float = 30.0
    children_of: ChildKinds = built_in_children


class KubeCluster:
    """One cluster; enter it with `async with`, which never fails: connecting goes on in the background.

    `on_request` hears of each request (for metrics), `on_warning` of what the API server warns of at an apply,
    `on_batch` of changes that came together: the server's URL, how many, how many seconds it took to take them in.
    `observe` takes all keys that the application wants: what it wanted before and no longer does is let go, unless it
    is tracked.
    """

    def __init__(
        self,
        access: ClusterAccess,
        *,
        clock: Clock,
        settings: KubeSettings | None = None,
        resources: ResourceSettings | None = None,
        on_request: Callable[[RequestMade], None] = lambda _: None,
        on_warning: Callable[[ObjectKey, str], None] = lambda _key, _message: None,
        on_connection: Callable[[KubeCluster, Connection], None] = lambda _cluster, _connection: None,
        on_batch: OnBatch = lambda _server, _events, _seconds: None,
    ) -> None:
        self._tell_batch = on_batch
        self._access = access
        self._tell_connection = on_connection
        self._clock = clock
        self._settings = settings or KubeSettings()
        self._resources = resources or ResourceSettings()
        self._configured = 0
        self._excluded: dict[tuple[GroupKind, str], bool] = {}
        self._http = KubeHttp(
            access,
            clock=clock,
            on_request=on_request,
            on_unreachable=self._on_unreachable,
            in_flight=self._settings.in_flight,
        )
        self._link = ClusterLink(self._http, clock, self._on_connection)
        self._catalog = Catalog(self._http, clock)
        self._index = Index(
            self._adopt, self._resources.tracking, noise=Noise(self._resources), changed=self._tell_tracers
        )
        self._writer = Writer(self._http, clock, on_warning)
        self._reader = Reader(self._http, self._index, self._watched_at)
        self._rehearsals = anyio.CapacityLimiter(self._settings.rehearsals)
        self._listeners: dict[object, Listener] = {}
        self._tracers: dict[object, ObjectListener] = {}
        self._children_known: dict[GroupKind, tuple[GroupKind, ...]] = {}
        self._unreadable_below: dict[AppName, Mapping[GroupKind, str]] = {}
        self._apps: set[AppName] = set()
        self._adopting: set[ObjectKey] = set()
        self._stack = AsyncExitStack()
        self._unlinked = False
        self._readable = ALL_READABLE
        if access.namespaces:
            elsewhere = str(self._not_looked_at("the namespace"))
            self._readable = Unreadable(namespaces=frozenset(access.namespaces), elsewhere=elsewhere)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._http)
        self._background = Background(await self._stack.enter_async_context(anyio.create_task_group()))
        source = Source(self._http, self._link, self._clock, self._batch_taken)
        self._watches = Watches(
            source,
            self._index,
            self._notify,
            self._background,
            grace=self._settings.grace_seconds,
            patience=self._settings.patience_seconds,
            children_of=self._children_of,
            namespaces=self._access.namespaces,
        )
        self._definitions = Definitions(source, self._catalog, self._on_kinds, self._background)
        around = Surroundings(self._index.look, self._index.is_wanted, self._tracks, self.excluded)
        self._orphans = Orphans(
            source, self._catalog, around, self._notify, self._background, grace=self._settings.grace_seconds
        )
        self._background.start_soon(self._keep_link)
        return self

    async def _keep_link(self) -> None:
        try:
            await self._link.run()
        finally:
            self._unlinked = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._listeners.clear()
        self._tracers.clear()
        self._link.leave()
        self._background.end()
        return await self._stack.__aexit__(kind, error, trace)

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""
        return self._access.name

    @property
    def server(self) -> str:
        """Its URL; "" for a kubeconfig that could not be read yet."""
        return self._http.server or self._access.server

    @property
    def unread(self) -> ClusterError | None:
        """Why the server that its kubeconfig leads to is not known yet; None if it is."""
        return None if self.server or not self._access.kubeconfig else self._http.unread

    @property
    def access(self) -> ClusterAccess:
        """What the configuration says of it."""
        return self._access

    async def moved(self) -> bool:
        """Whether the access leads to another server than when it was read."""
        return await self._http.moved()

    def renew(self) -> None:
        """The files behind the credentials may be others: have them read before the next request."""
        self._http.renew()

    def connection(self) -> Connection:
        """The state of the connection now; no request."""
        return self._link.state

    def status(self) -> ClusterStatus:
        """What may be told of it; no request. `applications` is not known here."""
        access = self._access
        return ClusterStatus(
            name=self.name,
            server=self.server,
            connection=self._link.state,
            written_at=access.written_at,
            project=access.project,
            labels=access.labels,
            namespaces=access.namespaces,
            cluster_resources=access.cluster_resources,
            api_resources=self._catalog.size(),
            kinds=tuple(self._watched_kinds()),
        )

    def _watched_kinds(self) -> Iterator[WatchedKind]:
        for kind in sorted(self._watches.kinds()):
            resource = self._watches.resource(kind)
            version = resource.gvk.version if resource is not None else ""
            kept, seen = self._index.count(kind)
            errors = self._watches.errors(kind)
            somewhere = tuple(errors) if "" not in errors and len(errors) < len(self._access.namespaces) else ()
            yield WatchedKind(
                kind.group,
                version,
                kind.kind,
                kept,
                seen,
                events=self._watches.events(kind),
                errors=tuple(failing_lines(kind, errors)),
                failing_in=somewhere,
            )

    def watched(self) -> frozenset[GroupKind]:
        """The kinds that are watched now."""
        return self._watches.kinds()

    def ended(self) -> Iterator[str]:
        """What ought to run for as long as the cluster is open and does not, in words; nothing where it is down."""
        if self._unlinked:
            yield f"the connection of cluster {self.name}"
        for kind in self._watches.ended():
            yield f"the watch of {kind} of cluster {self.name}"

    def excluded(self, kind: GroupKind) -> bool:
        """Whether the configuration leaves this kind out here."""
        place = (kind, self.server)
        known = self._excluded.get(place)
        if known is None:
            known = self._excluded[place] = self._resources.excluded(kind, self.server, self.name)
        return known

    def configure(self, resources: ResourceSettings) -> None:
        """Go by these settings from now on: watches that they forbid end, all applications look again."""
        if resources == self._resources:
            return
        before, self._resources = self._resources, resources
        self._excluded.clear()
        self._configured += 1
        if resources.children != before.children:
            self._children_known.clear()
            self._watches.reconsider()
        self._index.quiet(Noise(resources))
        if resources.tracking != before.tracking:
            self._index.track(resources.tracking)
        for kind in self._watches.kinds():
            if self.excluded(kind) or resources.tracking != before.tracking:
                self._watches.close(kind)
        self._orphans.reconsider()
        if resources.tracking != before.tracking:
            self._orphans.close()
        self._tell(frozenset(self._apps))

    async def repository_secrets(self, namespace: str) -> RepositorySecretsFound:
        """Argo CD's repositories and credential templates of a namespace. Raises `ClusterError`."""
        await self._link.require()
        return await read_repository_secrets(self._http, namespace)

    async def cluster_secrets(self, namespace: str, *, allow_exec: bool) -> ClusterSecretsFound:
        """Argo CD's clusters of a namespace. Raises `ClusterError`."""
        await self._link.require()
        return await read_cluster_secrets(self._http, namespace, allow_exec=allow_exec)

    async def target(self) -> RenderTarget:
        """Version and served APIs, from discovery (cached). Raises `ClusterError`."""
        await self._link.require()
        return RenderTarget(self._link.state.version, await self._catalog.api_versions())

    async def kinds(self, gvks: Collection[GVK]) -> Mapping[GVK, KindInfo]:
        """What discovery says of these kinds; one that is not there at all is missing. Raises `ClusterError`."""
        await self._link.require()
        found = {gvk: await self._resource(gvk) for gvk in gvks}
        return {gvk: resource.info for gvk, resource in found.items() if resource is not None}

    async def observe(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        """The live objects with `keys`, and all of `kinds` (and of kinds watched before) that are tracked as `app`'s.

        Raises `ClusterError` for the trouble of the whole cluster; kinds with a trouble of their own are `unreadable`.
        """
        await anyio.lowlevel.checkpoint()
        if app not in self._apps:
            self._apps.add(app)
            self._orphans.turned(mark(app, self._resources.tracking))
        while True:
            configured = self._configured
            live = await self._live(app, keys, kinds)
            if configured == self._configured:  # else what was found may be half of it
                return live

    async def strays(self, app: AppName, namespace: str) -> Strays:
        """What no application wants of the namespace's objects, as far as it is known by now. Raises `ClusterError`."""
        if not namespace:
            self._orphans.forget(app)
            return Strays()
        if self._access.namespaces and namespace not in self._access.namespaces:
            raise self._not_looked_at(f"namespace {namespace}")
        await self._link.require()
        if self._sees_cluster:
            self._definitions.start()
        return await self._orphans.strays(app, namespace)

    def children(self, uids: Collection[str]) -> Sequence[LiveObject]:
        """Watched objects that one of `uids` owns, directly or through others: by owner references, or inferred."""
        return self._index.children(uids)

    def unreadable_below(self, app: AppName) -> Mapping[GroupKind, str]:
        """The kinds below those that `app` looked at last which cannot be read now, and why."""
        return self._unreadable_below.get(app, {})

    async def predict(
        self, objects: Sequence[tuple[DesiredObject, LiveObject | None]], *, impersonate: str = ""
    ) -> Sequence[Prediction]:
        """A server-side dry-run apply of each object, in order. Raises `ClusterError` if none can be made."""
        await self._link.require()
        answers: list[Prediction | None] = [None] * len(objects)
        failed: list[ClusterError | SpecError] = []

        async def one(place: int, desired: DesiredObject, live: LiveObject | None) -> None:
            try:
                async with self._rehearsals:
                    answers[place] = await self._predict(desired, live, impersonate)
            except (ClusterError, SpecError) as error:
                failed.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for place, (desired, live) in enumerate(objects):
                group.start_soon(one, place, desired, live)
        if failed:
            raise failed[0]
        return [answer for answer in answers if answer is not None]

    async def apply(
        self,
        permit: Permit,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        replace: bool = False,
        validate: bool = True,
    ) -> LiveObject:
        """Server-side apply by force, or with `replace` a PUT of the whole object; the object as it is then, which
        `observe` knows too. Raises `ClusterError`.
        """
        order = await self._order(permit, desired, impersonate, validate=validate)
        if replace:
            return await self._written(permit, desired.key, desired.gvk, partial(self._writer.replace, order))
        live = self._index.get(desired.key) if desired.adopts else None
        before = live.document.raw if live is not None else b""
        return await self._written(permit, desired.key, desired.gvk, partial(self._writer.apply, order, before))

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        """Make an object that is not there yet; `observe` knows it too. Raises `ClusterError`."""
        order = await self._order(permit, desired, impersonate)
        return await self._written(permit, desired.key, desired.gvk, partial(self._writer.create, order))

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        """Change exactly this object (its uid) by a merge patch; the object afterwards. Raises `ClusterError`."""
        self._check_included(live.key)
        await self._link.require()
        resource = (await self._known(live.gvk, live.key)).scoped(live.key)

        async def send() -> bytes:
            raw = await self._writer.patch(permit, resource, live, patch, impersonate=impersonate)
            return raw if patch.subresource != "scale" else await self._reader.get(resource, live.key)

        return await self._written(permit, live.key, live.gvk, send)

    async def logs(self, pod: LiveObject, container: str, *, max_bytes: int, impersonate: str = "") -> str:
        """The end of what a container of a pod printed; "" if nothing, or if it is gone. Raises `ClusterError`."""
        await self._link.require()
        resource = (await self._known(pod.gvk, pod.key)).scoped(pod.key)
        return await read_logs(self._http, resource, pod.key, container, max_bytes=max_bytes, impersonate=impersonate)

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        """Delete exactly this object (uid precondition); one that is gone is no error. Raises `ClusterError`."""
        self._check_included(live.key)
        await self._link.require()
        resource = await self._known(live.gvk, live.key)
        await self._writer.delete(permit, resource, live, propagation, impersonate=impersonate)

    async def look_up(self, gvk: GVK, namespace: str, name: str, *, impersonate: str = "") -> bytes:
        """The object, or with no `name` the list of all of them (in `namespace`, or everywhere), as JSON; `{}` for one
        that is not there. For Helm's `lookup`. Raises `ClusterError`.
        """
        await self._link.require()
        resource = await self._known(gvk, ObjectKey(gvk.group, gvk.kind, namespace, name or "-"))
        return await self._reader.look_up(resource, namespace, name, impersonate=impersonate)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at each change of an application's live objects; returns the way to stop it."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """The last state of a hook's object that was deleted (with this uid, or the last of its name)."""
        return self._index.last_seen(key, uid)

    def trace(self, listener: ObjectListener) -> Callable[[], None]:
        """Call `listener` at each change of an object that is kept; returns the way to stop it."""
        token = object()
        self._tracers[token] = listener
        return lambda: self._tracers.pop(token, None) and None

    async def forget(self, app: AppName, kinds: Collection[GroupKind]) -> None:
        """`app` needs these kinds no more; watches that nobody needs are closed after a grace."""
        dropped = set(kinds)
        self._index.want(app, [key for key in self._index.wants(app) if key.group_kind not in dropped])
        self._watches.forget(app, dropped)
        self._orphans.forget(app)
        if not self._watches.chosen_by(app):
            self._apps.discard(app)
            self._orphans.turned(mark(app, self._resources.tracking))
            self._unreadable_below.pop(app, None)

    # ---- inside

    def _children_of(self, kind: GroupKind) -> tuple[GroupKind, ...]:
        known = self._children_known.get(kind)
        if known is None:
            below = (*self._settings.children_of(kind), *self._resources.children_of(kind))
            known = self._children_known[kind] = tuple(dict.fromkeys(below))
        return known

    def _tell_tracers(self, key: ObjectKey, live: LiveObject | None) -> None:
        for listener in tuple(self._tracers.values()):
            listener(key, live)

    async def _live(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        asked = dict.fromkeys([*(gvk.group_kind for gvk in kinds), *(key.group_kind for key in keys)])
        wanted = [kind for kind in asked if not self.excluded(kind)]
        self._watches.need(app, wanted)
        before = self._index.wants(app)
        self._index.want(app, keys)
        if self._orphans.asking():
            self._orphans.wants_changed(before ^ self._index.wants(app))
        await self._link.require()
        failed = await self._watch({gvk.group_kind: gvk for gvk in kinds}, wanted)
        if unread := self._index.unread(keys):
            failed.update((await self._reader.read(unread)).failed)
        self._unreadable_below[app] = _below(failed, keys, asked)
        reasons = {place: str(error) for place, error in failed.items() if place.kind in wanted}
        return Live(self._index.of(app, keys), replace(self._readable, reasons=reasons) if reasons else self._readable)

    @property
    def _sees_cluster(self) -> bool:
        return self._access.cluster_resources or not self._access.namespaces

    def _check_included(self, key: ObjectKey) -> None:
        if self.excluded(key.group_kind):
            raise ClusterError(
                f"{key.group_kind} is excluded",
                where=f"cluster {self.name}, {key}",
                hint="take it out of git, or change resources.exclusions and resources.inclusions",
                reason="Excluded",
            )

    async def _order(self, permit: Permit, desired: DesiredObject, impersonate: str, *, validate: bool = True) -> Order:
        self._check_included(desired.key)
        await self._link.require()
        resource = (await self._known(desired.gvk, desired.key)).scoped(desired.key)
        fetch = partial(self._reader.fetch, resource, desired.key)
        return Order(permit, resource, desired, fetch, impersonate, validate)

    async def _written(
        self, permit: Permit, key: ObjectKey, gvk: GVK, send: Callable[[], Awaitable[bytes]]
    ) -> LiveObject:
        """The object that `send` gives: the index has it before anybody goes on, and its events are no news then."""
        self._index.hold(key)
        written: LiveObject | None = None
        body: JsonObject = {}
        try:
            raw = await send()
            body = parsed(raw, self._read(key))
            seen = self._index.look(body, gvk)
            written = self._index.kept_as(seen, gvk) or live_object(seen, gvk, raw)  # its event may have been first
        finally:
            self._notify(self._index.release(key, written, body, AppName(permit.app)))
        if key.group_kind == DEFINITION:
            plural, _, group = key.name.partition(".")
            self._definitions.touched(group, plural)
        return written

    async def _watch(
        self, versions: Mapping[GroupKind, GVK], wanted: Iterable[GroupKind]
    ) -> dict[KindPlace, ClusterError]:
        """Have all of `wanted` watched, and what is below them; where they cannot be, and why."""
        order = [kind for kind in self._watches.below(wanted) if not self.excluded(kind)]
        failed: dict[KindPlace, ClusterError] = {}
        for kind in order:
            if self._watches.resource(kind) is None:
                resource = await self._watchable(kind, versions.get(kind))
                if (silence := self._silence(kind, resource)) is not None:
                    failed[KindPlace(kind)] = silence
                elif resource is not None:
                    self._watches.start(resource)
        return {**failed, **await self._watches.settled(order)}

    async def _watchable(self, kind: GroupKind, gvk: GVK | None) -> Resource | None:
        """At the version that is asked for, so that it compares with what is applied; else at the preferred one."""
        resource = await self._resource(gvk) if gvk is not None else None
        return resource or await self._catalog.preferred(kind)

    def _silence(self, kind: GroupKind, resource: Resource | None) -> ClusterError | None:
        """Why a kind that is not watched cannot be; None if it could."""
        if resource is None:
            return self._catalog.silence(kind.group)
        if not resource.served:
            return aggregated_api_down(self.name, resource.gvk)
        return None if resource.namespaced or self._sees_cluster else self._not_looked_at(str(kind))

    def _not_looked_at(self, what: str) -> ClusterError:
        return ClusterError(
            f"{what} is not looked at",
            where=f"cluster {self.name}",
            why=f"its entry names the namespaces {', '.join(self._access.namespaces)}",
            hint="add to its `namespaces`, or set `clusterResources` for objects that are in none",
        )

    async def _resource(self, gvk: GVK) -> Resource | None:
        if gvk.group not in BUILT_IN and self._sees_cluster:
            self._definitions.start()
        return await self._catalog.resource(gvk)

    def _watched_at(self, kind: GroupKind) -> Resource | None:
        return self._watches.resource(kind)

    async def _known(self, gvk: GVK, key: ObjectKey) -> Resource:
        """Waits for a kind whose definition has just come: the API server takes a moment to serve it."""
        resource = await self._resource(gvk)
        while resource is None and await self._definitions.looked(gvk.group):
            resource = await self._resource(gvk)
        if resource is None or not resource.served:
            await self._link.require()  # that the connection was closed or lost meanwhile says nothing of the kind
            raise ClusterError(
                f"the cluster does not serve {gvk}",
                where=f"cluster {self.name}, {key}",
                hint="install its CustomResourceDefinition, or correct apiVersion and kind",
                retryable=True,
                reason="KindMissing",
            )
        return resource

    async def _predict(self, desired: DesiredObject, live: LiveObject | None, impersonate: str) -> Prediction:
        version = live.resource_version if live is not None else ""
        try:
            resource = (await self._known(desired.gvk, desired.key)).scoped(desired.key)
            raw, current = await self._rehearse(resource, desired, live, impersonate)
        except ClusterDown:
            raise
        except ClusterError as error:
            if is_nonsense(error) or error.status in (401, 429) or (error.status >= 500 and _UNTYPED not in str(error)):
                raise
            return Prediction(desired.digest, version, None, str(error))
        before = Document(current, orjson.loads) if current else None
        return Prediction(desired.digest, version, Document(raw, orjson.loads), current=before)

    async def _rehearse(
        self, resource: Resource, desired: DesiredObject, live: LiveObject | None, impersonate: str
    ) -> tuple[bytes, bytes]:
        """A dry-run, and what it stood on where that is not `live`: another version, or changed in the meantime."""
        raw = current = b""
        for _ in range(_REHEARSALS_OF_ONE):
            raw = await self._writer.rehearse(resource, desired, impersonate=impersonate)
            stood_on = self._version(raw, desired.key)
            if live is None or (live.gvk == desired.gvk and live.resource_version == stood_on):
                return raw, b""
            current = await self._reader.fetch(resource, desired.key)
            if self._version(current, desired.key) == stood_on:
                break
        return raw, current

    def _version(self, raw: bytes, key: ObjectKey) -> str:
        return text(parsed(raw, self._read(key)), "metadata", "resourceVersion") if raw else ""

    def _read(self, key: ObjectKey) -> Asked:
        return Asked(self.name, "read", key.kind, key)

    def _tracks(self, mark: str) -> bool:
        """Whether an application that looks at this cluster has this mark."""
        return self._index.app_of(mark) in self._apps

    def _notify(self, apps: Apps) -> None:
        known = apps & self._apps
        if known:
            self._tell(known)

    def _tell(self, apps: Apps) -> None:
        change = LiveChange(self.name, frozenset(apps))
        for listener in list(self._listeners.values()):
            listener(change)

    def _batch_taken(self, events: int, seconds: float) -> None:
        self._tell_batch(self.server, events, seconds)

    def _on_unreachable(self, error: ClusterError | None) -> None:
        self._link.suspect(error)

    def _on_connection(self, state: Connection) -> None:
        if state.up:
            self._catalog.forget()
        self._tell_connection(self, state)
        self._tell(frozenset(self._apps))

    def _on_kinds(self, kinds: Collection[GroupKind]) -> None:
        """Definitions changed: watches of versions that are gone end; who needs the kinds looks again."""
        for kind in kinds:
            self._background.start_soon(self._review, kind)
        self._notify(self._watches.needed_by(*kinds) | self._orphans.asking())

    async def _review(self, kind: GroupKind) -> None:
        resource = self._watches.resource(kind)
        try:
            if resource is None or await self._catalog.resource(resource.gvk) is not None:
                return
        except ClusterError as error:  # a watch of what is gone hears so itself, a little later
            _LOG.warning("it is not known whether %s is still served: %s", kind, error)
            return
        if self._watches.resource(kind) == resource:
            self._watches.close(kind)
        self._notify(self._watches.needed_by(kind))  # who looked meanwhile saw what this watch had kept

    def _adopt(self, keys: Collection[ObjectKey]) -> None:
        fresh = set(keys) - self._adopting
        if fresh:
            self._adopting |= fresh
            self._background.start_soon(self._read_adopted, fresh)

    async def _read_adopted(self, keys: set[ObjectKey]) -> None:
        try:
            read = await self._reader.read(keys)
            self._notify(read.apps)
            for error in read.failed.values():
                _LOG.warning("children could not be read: %s", error)
        except ClusterError as error:
            _LOG.warning("children could not be read: %s", error)
        finally:
            self._adopting -= keys


def _below(
    failed: Mapping[KindPlace, ClusterError], keys: Collection[ObjectKey], asked: Collection[GroupKind]
) -> Mapping[GroupKind, str]:
    """Of the kinds that are only below those `asked`, why they cannot be read where the objects of these owners could
    be: in the owner's namespace, or anywhere if it has none.
    """
    if not failed:
        return {}
    namespaces = {key.namespace for key in keys}
    near = namespaces | {""} if "" not in namespaces else None
    return {
        place.kind: str(error)
        for place, error in failed.items()
        if place.kind not in asked and (near is None or place.namespace in near)
    }


if TYPE_CHECKING:
    _: type[Cluster] = KubeCluster
