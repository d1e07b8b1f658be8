"""Applications that another application has among its manifests (app of apps): who may have which, and how they look
as live objects of the application that renders them.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/cluster-bootstrapping/ and, for their health,
https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#argocd-app
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.deletion_held import DELETION
from gitopsd.core.dependency import waited_for
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import SpecError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import NOWHERE, AppName, GroupKind, ObjectKey, Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Manifest
from gitopsd.core.operation import Phase
from gitopsd.core.project import DEFAULT_PROJECT
from gitopsd.core.tracking import mark

APPLICATION: Final = GroupKind("argoproj.io", "Application")
PROJECT: Final = GroupKind("argoproj.io", "AppProject")
HELD: Final = frozenset({APPLICATION, PROJECT})
MOST_LEVELS: Final = 10

# What no manifest has and every object does.
_GIVEN: Final = frozenset({"uid", "creationTimestamp", "deletionTimestamp"})


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """The application `name`, which a sync of `parent` brought. `manifest` is its whole object as it was applied: what
    git wanted with `digest` ("" if somebody changed it since), at `origin`.

    `uid` is another for each one that is made, `created` is when that was. `deleting`: since then its objects are being
    deleted, because it has a finalizer.
    """

    name: AppName
    parent: AppName
    manifest: Document
    uid: str
    created: datetime
    digest: str = ""
    origin: Position = NOWHERE
    deleting: datetime | None = None

    @property
    def written(self) -> Manifest:
        """As its owner wrote it."""
        return Manifest(self.manifest.body(), self.origin)


@dataclass(frozen=True, slots=True)
class Shown:
    """A child as it stands. `judged`: `status` is one of this `spec`, not of the one before. `digest` is of what git
    wants for it; "" if nothing was compared yet.
    """

    spec: AppSpec
    status: AppStatus
    judged: bool
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Where a child is to be put. `parents` are the application that renders it, that one's parent, and so on;
    `taken` says who has its name already ("" if nobody), `waits` for whom an application waits.
    """

    parent: AppSpec
    parents: Sequence[AppName]
    taken: str
    waits: Callable[[AppName], Iterable[AppName]]


def is_held(kind: GroupKind) -> bool:
    """Whether objects of this kind are kept by gitopsd itself, and never put into a cluster."""
    return kind in HELD


def check_child(spec: AppSpec, family: Family) -> None:
    """Raises `SpecError` that says why the application must not be put there.

    A child's manifest counts as written by whoever can write to the parent's repository, so it may only be of the
    parent's project; the project `default` is the administrator's, and its applications may have children of all.
    """
    name, parent = spec.name, family.parent
    where = str(spec.position)
    if name in family.parents:
        inner = family.parents[: family.parents.index(name) + 1]
        raise SpecError(
            f"application {name} would contain itself",
            where=where,
            why=" → ".join([*reversed(inner), name]),
            hint=f"remove it from the manifests of {parent.name}",
        )
    if len(family.parents) > MOST_LEVELS:
        raise SpecError(
            f"application {name} is a child too deep down",
            where=where,
            why=f"there are {len(family.parents)} applications above it, and {MOST_LEVELS} at most: "
            + " → ".join(reversed(family.parents)),
        )
    if family.taken:
        raise SpecError(
            f"{parent.name} cannot have an application {name}",
            where=where,
            why=f"there is another one of that name: {family.taken}",
            hint="give one of the two another name",
        )
    if refused := outside_project(spec, parent):
        raise refused
    if circle := waiting_circle(spec, parent.name, family.waits):
        raise SpecError(
            f"application {name} would wait for itself",
            where=where,
            why=" → ".join(circle) + " (an application also waits for its children)",
            hint="remove it from dependsOn",
        )


def outside_project(spec: AppSpec, parent: AppSpec) -> SpecError | None:
    """What to say of a child that is in a project which its parent must not use; None of all others."""
    if parent.project in (DEFAULT_PROJECT, spec.project):
        return None
    return SpecError(
        f"application {spec.name} must not be in project {spec.project[:80]!r}",
        where=str(spec.position),
        why=f"{parent.name}, which has it among its manifests, is in project {parent.project!r}",
        hint=f"set its spec.project to {parent.project}, or have it in an application of project {DEFAULT_PROJECT}",
    )


def refuse_project(parent: AppSpec, name: str, origin: Position) -> SpecError:
    """What to say of an AppProject among the manifests of `parent`."""
    if parent.project != DEFAULT_PROJECT:
        return SpecError(
            f"AppProject {name} may only come from the default project",
            where=str(origin),
            why=f"{parent.name}, which has it among its manifests, is in project {parent.project!r}",
            hint="have the administrator write it into the configuration, under projects",
        )
    return SpecError(
        f"AppProject {name} cannot be applied",
        where=str(origin),
        why="this version takes projects from the configuration only",
        hint="move it into a file that the configuration includes",
    )


def waiting_circle(spec: AppSpec, parent: AppName, waits: Callable[[AppName], Iterable[AppName]]) -> Sequence[AppName]:
    """The applications that would wait for one another with `spec` as a child of `parent`, the first once more at the
    end; empty if none would.
    """
    before: dict[AppName, AppName] = dict.fromkeys(waited_for(spec), spec.name)
    rest = list(before)
    while rest:
        here = rest.pop()
        following = [*waits(here), *([spec.name] if here == parent else [])]
        if here == spec.name or spec.name in following:
            path = [here] if here == spec.name else [spec.name, here]
            while path[-1] != spec.name or len(path) == 1:
                path.append(before[path[-1]])
            return path[::-1]
        for name in following:
            if name not in before:
                before[name] = here
                rest.append(name)
    return ()


def health_of(shown: Shown | None, *, deleting: bool = False) -> Health:
    """A child's health as its parent sees it: Progressing until its first sync with this spec is over."""
    if deleting:
        return Health(HealthStatus.PROGRESSING, "its objects are being deleted")
    if shown is None:
        return Health(HealthStatus.PROGRESSING, "nothing is known of it yet")
    if resting := _at_rest(shown):
        return resting
    if not shown.judged:
        return Health(HealthStatus.PROGRESSING, "waiting to be compared with git")
    for condition in shown.status.conditions:
        if condition.type is ConditionType.INVALID_SPEC_ERROR:
            return Health(HealthStatus.DEGRADED, condition.message)
    still = _still(shown)
    return Health(HealthStatus.PROGRESSING, still) if still else shown.status.health


def live_of(record: ChildRecord, spec: AppSpec, shown: Shown | None) -> LiveObject:
    """The child as a live object of its parent: what was applied, and its `status`. Its resourceVersion is another
    whenever the object is.
    """
    written = record.manifest.body()
    metadata: dict[str, JsonValue] = {
        **mapping(written, "metadata"),
        "uid": record.uid,
        "creationTimestamp": _moment(record.created),
    }
    if record.deleting is not None:
        metadata["deletionTimestamp"] = _moment(record.deleting)
    body = {**written, "metadata": metadata, "status": _status(shown, health_of(shown, deleting=bool(record.deleting)))}
    raw = canonical(body)
    manifest = Manifest(written, record.origin)
    return LiveObject(
        key=key_of(manifest),
        gvk=manifest.gvk,
        uid=record.uid,
        resource_version=hashlib.blake2b(raw, digest_size=8).hexdigest(),
        document=Document(raw),
        owner=mark(record.parent, spec.tracking),
        deleting=record.deleting is not None,
    )


def with_wish(live: LiveObject, wanted: JsonObject) -> JsonObject:
    """What an apply of `wanted` makes of a child."""
    there = live.document.body()
    kept = {key: item for key, item in mapping(there, "metadata").items() if key in _GIVEN}
    return {**wanted, "metadata": {**mapping(wanted, "metadata"), **kept}, "status": mapping(there, "status")}


def key_of(manifest: Manifest) -> ObjectKey:
    """The object that a manifest with its namespace is of."""
    return ObjectKey(*manifest.gvk.group_kind, manifest.namespace, manifest.name)


def uid_of(parent: AppName, name: str, created: datetime) -> str:
    """A uid for a child that is made now."""
    digest = hashlib.blake2b(f"{parent}\n{name}\n{created.isoformat()}".encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def merged(body: JsonObject, patch: JsonObject) -> JsonObject:
    """`body` after a JSON merge patch (RFC 7386)."""
    after: dict[str, JsonValue] = dict(body)
    for key, content in patch.items():
        if content is None:
            after.pop(key, None)
        elif isinstance(content, Mapping):
            after[key] = merged(mapping(after, key), content)
        else:
            after[key] = content
    return after


def lost(record: ChildRecord, why: str) -> AppSpec:
    """What stands for a child whose manifest cannot be read any more: an application that is shown with the reason, and
    never synced or deleted.
    """
    body = record.manifest.body()
    place = mapping(body, "spec", "destination")
    return AppSpec(
        name=record.name,
        sources=(),
        destination=Destination(text(place, "server"), text(place, "name"), text(place, "namespace")),
        project=text(body, "spec", "project") or DEFAULT_PROJECT,
        position=record.origin,
        unsupported=(why,),
    )


def _at_rest(shown: Shown) -> Health | None:
    """Of a child that nobody syncs: by its owner's word, or because somebody deleted it by its name."""
    deletion = shown.status.deletion
    if deletion is not None and deletion.done:
        return Health(HealthStatus.MISSING, "it was deleted; it comes back when its manifest changes")
    if deletion is not None:
        return Health(HealthStatus.PROGRESSING, "its objects are being deleted")
    if shown.spec.annotations.get(SKIP_RECONCILE) == "true":
        return Health(HealthStatus.SUSPENDED, f"its annotation {SKIP_RECONCILE} lets it rest")
    return None


def _still(shown: Shown) -> str:
    """What has to happen before the child's own health counts; "" for nothing."""
    status, last = shown.status, shown.status.operation
    if last is not None and not last.phase.done:
        return _sentence("syncing", last.message)
    if shown.spec.sync_policy.automated is None or _arrived(shown):
        return ""
    why = [*status.blocked_by, *(item.message for item in status.conditions), status.decision]
    return _sentence("not synced yet", why[0])


def _arrived(shown: Shown) -> bool:
    """Whether what git wants was synced once; drift that nobody asked to undo does not count."""
    last = shown.status.operation
    if shown.status.sync is SyncCode.SYNCED:
        return True
    return last is not None and last.phase is Phase.SUCCEEDED and shown.digest in ("", last.digest)


def _status(shown: Shown | None, health: Health) -> JsonObject:
    found: dict[str, JsonValue] = {"health": _told(health.status.value, health.message)}
    if shown is None:
        return found
    status = shown.status
    found["sync"] = {"status": status.sync.value, "revisions": list(status.revisions)}
    if status.operation is not None:
        found["operationState"] = {"phase": status.operation.phase.value}
    conditions = [_condition(item.type.value, item.message) for item in status.conditions]
    if status.deletion is not None and status.deletion.under_way:
        conditions.append(_condition(DELETION, status.deletion.error or status.deletion.message))
    if conditions:
        found["conditions"] = conditions
    return found


def _condition(kind: str, message: str) -> JsonObject:
    return {"type": kind, "message": message}


def _told(status: str, message: str) -> JsonObject:
    return {"status": status, "message": message} if message else {"status": status}


def _sentence(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
