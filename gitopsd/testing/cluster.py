"""A Kubernetes cluster in memory: an API server, its objects, and somebody else who meddles with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio.lowlevel

from gitopsd.core.annotations import is_hook
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.errors import ClusterDown, ClusterError, SpecError
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, sequence, string_map, text
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.orphans import Strays
from gitopsd.core.permit import Permit
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.core.tree.kinds import with_children
from gitopsd.core.unreadable import KindPlace, Unreadable
from gitopsd.ports.cluster import Cluster, Clusters, Connection, Listener, LiveChange, ObjectListener, Patch
from gitopsd.ports.renderer import RenderTarget
from gitopsd.testing.apiserver import ApiServer
from gitopsd.testing.builders import a_namespace
from gitopsd.testing.field_ownership import Body, patched
from gitopsd.testing.gate import Gate
from gitopsd.testing.kinds import DEFINITION, NAMESPACE

PATCHER: Final = "gitopsd-patch"
_VERSION: Final = "v1.36.3"


@dataclass(frozen=True, slots=True)
class Write:
    """One object that was written: `verb` is `apply`, `replace`, `create`, `patch` or `delete` (with its propagation),
    `user` as whom it was done.
    """

    verb: str
    key: ObjectKey
    propagation: str = ""
    user: str = ""
    validate: bool = True


class FakeCluster:
    """`ports.Cluster` in memory.

    `writes` lists what gitopsd wrote, `predicted` what it asked a dry-run for. `gate.hold("apply")` (or a verb of
    `observe`, `predict`, `create`, `patch`, `logs`, `delete`, `target`, or a key) lets calls hang. With `controllers`
    workloads get healthy and definitions established as soon as they are applied; without, a test says when by `settle`
    and `establish`. When Jobs and Pods end, a test says by `finish`.
    """

    def __init__(
        self,
        name: str = "local",
        *,
        controllers: bool = True,
        server: str = "",
        resources: ResourceSettings | None = None,
    ) -> None:
        self.name = name
        self.resources = resources or ResourceSettings()
        self.server = server or f"https://{name}.example.org:6443"
        self.controllers = controllers
        self.gate = Gate()
        self.writes: list[Write] = []
        self.predicted: list[ObjectKey] = []
        self.predicted_as: list[str] = []  # whom each call of `predict` impersonated
        self.forgotten: list[tuple[AppName, frozenset[GroupKind]]] = []
        self._server = ApiServer(name, self.resources.tracking)
        self._kinds = self._server.kinds
        self._objects = self._server.objects
        self._listeners: dict[object, Listener] = {}
        self._tracers: dict[object, ObjectListener] = {}
        self._needs: dict[AppName, set[GroupKind]] = {}
        self._wants: dict[AppName, set[ObjectKey]] = {}
        self._stray_places: dict[AppName, str] = {}
        self._unreadable: dict[KindPlace, str] = {}
        self._namespaces: frozenset[str] = frozenset()
        self._logs: dict[tuple[ObjectKey, str], str] = {}
        self._vanished: dict[ObjectKey, LiveObject] = {}
        self._errors: dict[str, list[ClusterError]] = {}
        self._down = ""
        for namespace in ("default", "kube-system"):
            self.plant(a_namespace(namespace))

    # What somebody else does

    def plant(self, body: JsonObject) -> ObjectKey:
        """Somebody creates (or replaces) an object."""
        key = self._server.key(body)
        self._keep(key, self._objects.edited(key, deepcopy(dict(body))), tell=True)
        return key

    def edit(self, key: ObjectKey, change: Callable[[Body], None]) -> None:
        """Somebody changes an object: `change` works on its body in place."""
        body = deepcopy(self._objects.bodies[key])
        change(body)
        self._keep(key, self._objects.edited(key, body), tell=True)

    def remove(self, key: ObjectKey) -> None:
        """Somebody deletes an object; with a namespace goes all that is in it."""
        self._drop(key, tell=True)

    def set_status(self, key: ObjectKey, status: JsonObject) -> None:
        """A controller writes the object's status."""
        self.edit(key, lambda body: body.update(status=dict(status)))

    def settle(self, key: ObjectKey) -> None:
        """A controller brings a workload up: its status says that it is healthy."""
        body = self._objects.bodies[key]
        replicas = mapping(body, "spec").get("replicas", 1)
        observed = mapping(body, "metadata").get("generation", 1)
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas", "currentReplicas")
        self.set_status(key, {"observedGeneration": observed, **dict.fromkeys(counts, replicas)})

    def finish(self, key: ObjectKey, *, failed: str = "") -> None:
        """A Job or a Pod comes to its end: well, or not, with `failed` as the reason."""
        condition = {"type": "Failed" if failed else "Complete", "status": "True", "message": failed}
        pod: JsonObject = {"phase": "Failed" if failed else "Succeeded", "message": failed}
        job: JsonObject = {"conditions": [condition], "failed" if failed else "succeeded": 1}
        self.set_status(key, pod if key.kind == "Pod" else job)

    def print_log(self, key: ObjectKey, container: str, printed: str) -> None:
        """A container of the pod prints something."""
        place = (key, container)
        self._logs[place] = self._logs.get(place, "") + printed

    def establish(self, key: ObjectKey) -> None:
        """A definition's kinds are served from now on."""
        conditions = [{"type": kind, "status": "True"} for kind in ("NamesAccepted", "Established")]
        self.set_status(key, {"conditions": conditions})
        spec = mapping(self._objects.bodies[key], "spec")
        kind = GroupKind(text(spec, "group"), text(spec, "names", "kind"))
        for version in objects(spec, "versions"):
            gvk = GVK(kind.group, text(version, "name"), kind.kind)
            self._kinds.add(gvk, namespaced=text(spec, "scope") != "Cluster")
        self._tell({app for app, needed in self._needs.items() if kind in needed})

    def restart_client(self) -> None:
        """gitopsd starts anew: nothing is watched, nobody listens; the objects stay."""
        self._needs.clear()
        self._wants.clear()
        self._listeners.clear()
        self._tracers.clear()

    # Faults

    def go_down(self, error: str = "connection refused") -> None:
        """Nobody answers from now on."""
        self._down = error
        self._tell(self._needs.keys(), always=True)

    def come_up(self) -> None:
        """Answer again."""
        self._down = ""
        self._tell(self._needs.keys(), always=True)

    def fail_next(self, verb: str, error: ClusterError | None = None, *, times: int = 1) -> None:
        """The next `times` calls of `verb` raise `error`, or one that says that the API server is busy (429)."""
        busy = ClusterError("the API server is busy", where=f"cluster {self.name}", retryable=True, status=429)
        self._errors.setdefault(verb, []).extend([error or busy] * times)

    def refuse(self, key: ObjectKey, message: str) -> None:
        """The API server finds this object invalid, in an apply as in a dry-run; "" ends it."""
        self._server.refused[key] = message

    def forbid(self, kind: GroupKind) -> None:
        """gitopsd may not list this kind."""
        error = ClusterError(
            f"{kind} may not be listed",
            where=f"cluster {self.name}",
            hint="add a rule to its role",
            status=403,
            reason="Forbidden",
        )
        self.make_unreadable(kind, str(error))

    def make_unreadable(self, kind: GroupKind, reason: str, namespace: str = "") -> None:
        """Nobody can say what there is of this kind (in this namespace only); who needs it hears of that."""
        self._unreadable[KindPlace(kind, namespace)] = reason
        self._tell({app for app, needed in self._needs.items() if kind in needed})

    def narrow(self, *namespaces: str) -> None:
        """Only these namespaces are looked at from now on; nobody hears of that."""
        self._namespaces = frozenset(namespaces)

    def allow(self, kind: GroupKind) -> None:
        """The kind can be read again; who needs it hears of that."""
        before = len(self._unreadable)
        self._unreadable = {place: why for place, why in self._unreadable.items() if place.kind != kind}
        if len(self._unreadable) < before:
            self._tell({app for app, needed in self._needs.items() if kind in needed})

    # What a test looks at

    def body(self, key: ObjectKey) -> JsonObject | None:
        """The object as it is now; None if it is not there."""
        return self._objects.bodies.get(key)

    def live(self, key: ObjectKey) -> LiveObject:
        """The object as a watch shows it. KeyError if it is not there."""
        return self._server.live(key)

    @property
    def tracers(self) -> int:
        """How many listen to each object."""
        return len(self._tracers)

    def has(self, key: ObjectKey) -> bool:
        """Whether the object is there."""
        return key in self._objects.bodies

    def keys(self, kind: str = "") -> list[ObjectKey]:
        """All objects, or those of a kind, in the order of their creation."""
        return [key for key in self._objects.bodies if kind in ("", key.kind)]

    # ports.Cluster

    def connection(self) -> Connection:
        """Up, unless `go_down` was called."""
        return Connection(not self._down, "" if self._down else _VERSION, self._down)

    def excluded(self, kind: GroupKind) -> bool:
        """Whether `resources` leaves this kind out."""
        return self.resources.excluded(kind, self.server, self.name)

    async def target(self) -> RenderTarget:
        """Version and served APIs."""
        await self._arrive("target")
        return RenderTarget(_VERSION, tuple(self._kinds.api_versions()))

    async def kinds(self, gvks: Collection[GVK]) -> Mapping[GVK, KindInfo]:
        """What is served of them."""
        await self._arrive("kinds")
        return {gvk: self._kinds.served[gvk] for gvk in gvks if gvk in self._kinds.served}

    async def observe(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        """The objects with `keys`, and those of kinds that were ever observed that are tracked as `app`'s."""
        asked = {gvk.group_kind for gvk in kinds} | {key.group_kind for key in keys}
        asked = {kind for kind in asked if not self.excluded(kind)}
        self._needs.setdefault(app, set()).update(asked)
        self._wants[app] = set(keys)
        await self._arrive("observe")
        reasons = {place: why for place, why in self._unreadable.items() if place.kind in asked}
        unreadable = Unreadable(reasons, self._namespaces, "the namespace is not looked at")
        everywhere = {place.kind for place in self._unreadable if place.kind in asked and not place.namespace}
        watched = set().union(*self._needs.values()).difference(everywhere)
        found = [
            self._server.live(key)
            for key in self._objects.bodies
            if key.group_kind in watched and not self.excluded(key.group_kind) and not unreadable.why(key)
        ]
        wanted = self._wants[app]
        mine = {one.key: one for one in found if one.key in wanted or (one.owner == app and not one.owner_uids)}
        return Live(mine, unreadable)

    async def strays(self, app: AppName, namespace: str) -> Strays:
        """The objects of the namespace that nobody owns or wants."""
        await self._arrive("strays")
        self._stray_places.pop(app, None)
        if not namespace:
            return Strays()
        self._stray_places[app] = namespace
        wanted = set().union(*self._wants.values())
        tracked: dict[str, list[LiveObject]] = {"": []}
        for key in self._objects.bodies:
            if key.namespace == namespace and key not in wanted and not self.excluded(key.group_kind):
                live = self._server.live(key)
                if not live.owners and not live.foreign:
                    tracked.setdefault(live.owner, []).append(live)
        untracked = tuple(tracked.pop(""))
        others = {mark: tuple(found) for mark, found in tracked.items() if mark not in self._needs}
        return Strays(untracked, others, unreadable=self._kinds_unreadable(namespace))

    def children(self, uids: Collection[str]) -> Sequence[LiveObject]:
        """Objects that one of `uids` owns, by owner references or inferred."""
        return self._server.children(uids)

    def unreadable_below(self, app: AppName) -> Mapping[GroupKind, str]:
        """The kinds below those that `app` observed which were made unreadable."""
        asked = self._needs.get(app, set())
        below = [kind for kind in with_children(sorted(asked)) if kind not in asked]
        return {kind: why for kind, why in self._kinds_unreadable().items() if kind in below}

    def _kinds_unreadable(self, *namespaces: str) -> Mapping[GroupKind, str]:
        """Those that cannot be read everywhere, or in these namespaces."""
        return {place.kind: why for place, why in self._unreadable.items() if place.namespace in ("", *namespaces)}

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """The last state of a deleted object that was a hook's and tracked."""
        gone = self._vanished.get(key)
        annotations = string_map(gone.document.body(), "metadata", "annotations") if gone is not None else {}
        watched = set().union(*self._needs.values())
        if gone is None or not gone.owner or not is_hook(annotations) or key.group_kind not in watched:
            return None
        return gone if uid in ("", gone.uid) else None

    def trace(self, listener: ObjectListener) -> Callable[[], None]:
        """Call `listener` at each change of any object."""
        token = object()
        self._tracers[token] = listener
        return lambda: self._tracers.pop(token, None) and None

    async def predict(
        self, objects: Sequence[tuple[DesiredObject, LiveObject | None]], *, impersonate: str = ""
    ) -> Sequence[Prediction]:
        """What an apply of each would give."""
        await self._arrive("predict")
        self.predicted_as.append(_user(impersonate))
        self.predicted += [desired.key for desired, _ in objects]
        return [self._server.predict(desired, live) for desired, live in objects]

    async def apply(
        self,
        permit: Permit,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        replace: bool = False,
        validate: bool = True,
    ) -> LiveObject:
        """Server-side apply by force, or a PUT."""
        verb = "replace" if replace else "apply"
        user = await self._permitted(verb, permit, desired.key, impersonate)
        self._server.admit(desired, replaces=replace, verb=verb)
        if not replace:
            self._objects.adopt(desired)
        make = self._objects.replaced if replace else self._objects.applied
        after = make(desired.key, desired.document.body(), desired.gvk)
        return self._write(Write(verb, desired.key, user=user, validate=validate), after, permit)

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        """Make an object that is not there yet."""
        user = await self._permitted("create", permit, desired.key, impersonate)
        self._server.admit(desired, verb="create")
        if desired.key in self._objects.bodies:
            raise self._server.exists(desired.key)
        after = self._objects.replaced(desired.key, desired.document.body(), desired.gvk)
        return self._write(Write("create", desired.key, user=user), after, permit)

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        """Change exactly this object by a merge patch."""
        user = await self._permitted("patch", permit, live.key, impersonate)
        before = self._objects.bodies.get(live.key)
        if before is None or _uid(before) != live.uid:
            raise self._server.another(live.key, there=before is not None)
        after = self._objects.edited(live.key, patched(before, patch.body), PATCHER)
        return self._write(Write("patch", live.key, user=user), after, permit)

    async def logs(self, pod: LiveObject, container: str, *, max_bytes: int, impersonate: str = "") -> str:
        """The end of what a test had the container print (`print_log`)."""
        _user(impersonate)
        await self._arrive("logs", pod.key)
        printed = self._logs.get((pod.key, container), "").encode()
        return printed[-max_bytes:].decode(errors="ignore") if max_bytes > 0 else ""

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        """Delete exactly this object."""
        user = await self._permitted("delete", permit, live.key, impersonate)
        body = self._objects.bodies.get(live.key)
        if body is None or text(body, "metadata", "uid") != live.uid:
            return
        self.writes.append(Write("delete", live.key, propagation, user))
        if sequence(body, "metadata", "finalizers"):
            self.edit(live.key, lambda found: found["metadata"].update(deletionTimestamp="2030-01-01T00:00:00Z"))
        else:
            self._drop(live.key, tell=True)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at each change, within the call that made it."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    async def forget(self, app: AppName, kinds: Collection[GroupKind]) -> None:
        """`app` needs these kinds no more."""
        await anyio.lowlevel.checkpoint()
        self.forgotten.append((app, frozenset(kinds)))
        self._stray_places.pop(app, None)
        self._needs.get(app, set()).difference_update(kinds)
        self._wants[app] = {key for key in self._wants.get(app, ()) if key.group_kind not in kinds}
        if not self._needs.get(app):
            self._needs.pop(app, None)

    # Inside

    async def _permitted(self, verb: str, permit: Permit, key: ObjectKey, impersonate: str) -> str:
        """As whom it is done; raises what keeps it from being done at all."""
        _check(permit, key, impersonate)
        user = _user(impersonate)
        await self._arrive(verb, key)
        if self.excluded(key.group_kind):
            raise ClusterError(f"{key.group_kind} is excluded", where=f"cluster {self.name}, {key}", reason="Excluded")
        return user

    def _write(self, done: Write, body: Body, permit: Permit) -> LiveObject:
        """Keep what was written; to its writer it is no news."""
        key = done.key
        self.writes.append(done)
        before = self._concerned(key)
        self._keep(key, body, tell=False)
        if key not in self._objects.bodies:  # its last finalizer went
            self._tell(before)
            return self._vanished[key]
        live = self._server.live(key)
        self._tell((before | self._concerned(key)) - {AppName(permit.app), live.owner})
        if self.controllers:
            self._control(key)
        return live

    async def _arrive(self, verb: str, *places: ObjectKey) -> None:
        await self.gate.passing(verb, *places)
        if self._down:
            raise ClusterDown("cannot be reached", where=f"cluster {self.name}", why=self._down, retryable=True)
        if errors := self._errors.get(verb):
            raise errors.pop(0)

    def _keep(self, key: ObjectKey, body: Body, *, tell: bool) -> None:
        before = self._objects.bodies.get(key)
        if before is body:
            return
        apps = self._concerned(key)
        self._objects.bodies[key] = body
        self._tell_tracers(key)
        if text(body, "metadata", "deletionTimestamp") and not sequence(body, "metadata", "finalizers"):
            self._drop(key, tell=tell)
        elif tell:
            self._tell(apps | self._concerned(key))

    def _drop(self, key: ObjectKey, *, tell: bool) -> None:
        apps = self._concerned(key)
        self._vanished[key] = self._server.live(key)
        body = self._objects.bodies.pop(key)
        self._tell_tracers(key)
        below = [one.key for one in self.children([text(body, "metadata", "uid")])]
        if key.group_kind == NAMESPACE:
            below += [other for other in self._objects.bodies if other.namespace == key.name]
        if key.group_kind == DEFINITION:
            self._kinds.drop(GroupKind(text(body, "spec", "group"), text(body, "spec", "names", "kind")))
        for other in below:
            if other in self._objects.bodies:
                self._drop(other, tell=tell)
        if tell:
            self._tell(apps)

    def _control(self, key: ObjectKey) -> None:
        if key.group_kind == DEFINITION:
            self.establish(key)
        elif key.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
            self.settle(key)

    def _concerned(self, key: ObjectKey) -> set[AppName]:
        """Who wants the object, who it is tracked as, and whose objects own it."""
        found = {app for app, keys in self._wants.items() if key in keys}
        found.update(app for app, namespace in self._stray_places.items() if namespace == key.namespace)
        seen: set[ObjectKey] = set()
        rest = [key]
        while rest:
            here = rest.pop()
            if here in seen or here not in self._objects.bodies:
                continue
            seen.add(here)
            one = self._server.live(here)
            if one.owner:
                found.add(AppName(one.owner))
            rest += [other for other, body in self._objects.bodies.items() if _uid(body) in one.owner_uids]
        return found

    def _tell_tracers(self, key: ObjectKey) -> None:
        live = self._server.live(key) if key in self._objects.bodies else None
        for listener in tuple(self._tracers.values()):
            listener(key, live)

    def _tell(self, apps: Collection[str], *, always: bool = False) -> None:
        known = frozenset(app for app in self._needs if app in apps)
        if known or always:
            for listener in tuple(self._listeners.values()):
                listener(LiveChange(self.name, known))


class FakeClusters:
    """`ports.Clusters` over these."""

    def __init__(self, *clusters: Cluster) -> None:
        self._clusters = clusters

    def find(self, *, server: str = "", name: str = "") -> Cluster:
        """The one with this name or server."""
        for cluster in self._clusters:
            if (name and cluster.name == name) or (server and cluster.server == server):
                return cluster
        known = ", ".join(cluster.name for cluster in self._clusters)
        raise SpecError(f"cluster {name or server} is not known", hint=f"use one of {known}")


def _check(permit: Permit, key: ObjectKey, impersonate: str) -> None:
    if permit.key != key:
        raise PermissionError(f"the permit is for {permit.key}, not for {key}")
    if permit.impersonate not in ("", impersonate):
        raise PermissionError(f"the permit is one to write as {permit.impersonate}")


def _user(impersonate: str) -> str:
    return ServiceAccount.of_user(impersonate).user if impersonate else ""


def _uid(body: JsonObject) -> str:
    return text(body, "metadata", "uid")


if TYPE_CHECKING:
    _cluster: Cluster = FakeCluster()
    _clusters: Clusters = FakeClusters(FakeCluster())
