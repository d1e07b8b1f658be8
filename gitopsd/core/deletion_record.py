"""What is kept of an application so that its deletion can go on without its entry in the configuration.

Source of the finalizers: https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from gitopsd.core.annotations import DELETION_APPROVED
from gitopsd.core.app import BY_ANNOTATION, AppSpec, Destination, SyncPolicy, Tracking, TrackingMethod
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import GVK, AppName, ObjectKey, Position

FOREGROUND: Final = "foreground"
BACKGROUND: Final = "background"
ORPHAN: Final = "orphan"
CASCADES: Final = (FOREGROUND, BACKGROUND, ORPHAN)
RESTORED: Final = "restored"
"""The detail that says which backup a deletion came from: it waits for somebody's word then."""

_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
_DELETE: Final = "Delete"
_ASKED: Final = "asked"
_FIRST: Final = "askedFirst"
_GUARDED: Final = "guarded"
_NAMED: Final = 100


class Reach(NamedTuple):
    """Where an application's objects are: their kinds, and the namespaces in which they were seen."""

    kinds: frozenset[GVK] = frozenset()
    namespaces: frozenset[str] = frozenset()


NOWHERE: Final = Reach()


def cascade_of(finalizers: Iterable[str]) -> str:
    """How the objects of an application with these finalizers go when its entry does; "" if they stay."""
    written = set(finalizers)
    if f"{_FINALIZER}/{BACKGROUND}" in written:
        return BACKGROUND
    return FOREGROUND if written & {_FINALIZER, f"{_FINALIZER}/{FOREGROUND}"} else ""


def began(spec: AppSpec, cascade: str, now: datetime, *, server: str = "", reach: Reach = NOWHERE) -> Deletion:
    """A deletion of `spec`'s application that has done nothing yet.

    `server` is the URL of its cluster as far as it is known, `reach` where its objects are.
    """
    return Deletion(
        app=spec.name,
        cascade=cascade,
        began=now,
        id=f"delete-{int(now.timestamp() * 1000):x}",
        spec_digest=spec_digest(spec),
        details=_details(spec, server, reach),
    )


def armed(spec: AppSpec, now: datetime) -> Deletion:
    """What is kept of an application while it is there, so that its objects can go should its entry go while nobody
    looks; phase `NONE` for one whose objects stay.
    """
    cascade = cascade_of(spec.finalizers)
    phase = DeletionPhase.ARMED if cascade else DeletionPhase.NONE
    return Deletion(spec.name, cascade, now, phase=phase, details=_details(spec, "", NOWHERE) if cascade else {})


def same_arm(one: Deletion, other: Deletion) -> bool:
    """Whether two records say the same of an application that is there."""
    return (one.phase, one.cascade, one.details) == (other.phase, other.cascade, other.details)


def reaching(deletion: Deletion, reach: Reach, server: str = "") -> Deletion:
    """The deletion with this reach (besides that which it knows) and the cluster that it is of."""
    known = reach_of(deletion)
    whole = Reach(known.kinds | reach.kinds, known.namespaces | reach.namespaces)
    at = server or server_of(deletion)
    return replace(deletion, details={**deletion.details, **_written(whole), "server": at})


def spec_of(deletion: Deletion) -> AppSpec:
    """As much of the application as its deletion needs; nothing can be rendered of it."""
    details = deletion.details
    option = details.get("delete", "")
    return AppSpec(
        name=AppName(deletion.app),
        sources=(),
        destination=Destination(
            details.get("destinationServer", ""), details.get("destinationName", ""), details.get("namespace", "")
        ),
        project=details.get("project", ""),
        sync_policy=SyncPolicy(options={_DELETE: option} if option else {}),
        tracking=Tracking(
            TrackingMethod(details.get("trackingMethod", TrackingMethod.ANNOTATION)),
            details.get("trackingLabel", ""),
            details.get("installation", ""),
        ),
    )


def reach_of(deletion: Deletion) -> Reach:
    """Where the application's objects are, as far as that was ever seen."""
    parts = (item.split("|") for item in deletion.details.get("kinds", "").split())
    kinds = frozenset(GVK(*item) for item in parts if len(item) == len(GVK._fields))
    return Reach(kinds, frozenset(deletion.details.get("namespaces", "").split()))


def server_of(deletion: Deletion) -> str:
    """The URL of the cluster that the application was on; "" if that was never known."""
    return deletion.details.get("server", "")


def with_asked(deletion: Deletion, keys: Sequence[ObjectKey]) -> Deletion:
    """The deletion after the API server was asked to delete these too: how many there were, and the first of them."""
    if not keys:
        return deletion
    count, named = asked_of(deletion)
    more = [*named, *map(str, keys)][:_NAMED]
    details = {**deletion.details, _ASKED: str(count + len(keys)), _FIRST: "\n".join(more)}
    return replace(deletion, details=details)


def asked_of(deletion: Deletion) -> tuple[int, Sequence[str]]:
    """How many objects the API server was asked to delete, and the names of the first of them."""
    return int(deletion.details.get(_ASKED, "0")), deletion.details.get(_FIRST, "").splitlines()


def guarded(deletion: Deletion) -> bool:
    """Whether nobody asked for it by name: the application left the configuration, or its parent's git."""
    return deletion.details.get(_GUARDED) == "yes"


def with_guard(deletion: Deletion, *, guards: bool) -> Deletion:
    """The deletion, with protected objects that wait for a confirmation or without."""
    details = {key: text for key, text in deletion.details.items() if key != _GUARDED}
    return replace(deletion, details={**details, _GUARDED: "yes"} if guards else details)


def asked_by_name(deletion: Deletion) -> Deletion:
    """The deletion, once somebody asks for it by name: neither that many left at once nor that it takes protected
    objects along holds it back any more.
    """
    held = deletion.phase is DeletionPhase.HELD
    phase = DeletionPhase.WAITING if held else deletion.phase
    return replace(with_guard(deletion, guards=False), phase=phase)


def dependencies_of(deletion: Deletion) -> frozenset[AppName]:
    """The applications that it depends on."""
    return frozenset(AppName(name) for name in deletion.details.get("dependsOn", "").split())


def approved(spec: AppSpec, deletion: Deletion) -> bool:
    """Whether the application's annotation `argocd.argoproj.io/deletion-approved` says so, later than the deletion
    began.
    """
    try:
        written = datetime.fromisoformat(spec.annotations.get(DELETION_APPROVED, ""))
    except ValueError:
        return False
    return (written if written.tzinfo else written.replace(tzinfo=UTC)) > deletion.began


def spec_digest(spec: AppSpec) -> str:
    """32 hex digits that are another if what the owner wrote is another.

    Where in the files it stands does not count, nor does the approval of a deletion; nor do fields that are as they are
    by default, so that one which a later version adds changes nothing, nor what is not written there: how the daemon
    tracks objects, what its version supports.
    """
    annotations = {name: text for name, text in spec.annotations.items() if name != DELETION_APPROVED}
    written = replace(spec, annotations=annotations, tracking=BY_ANNOTATION, unsupported=())
    plain = _plain(written)
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def _details(spec: AppSpec, server: str, reach: Reach) -> Mapping[str, str]:
    written = {
        "destinationServer": spec.destination.server,
        "destinationName": spec.destination.name,
        "namespace": spec.destination.namespace,
        "project": spec.project,
        "trackingMethod": spec.tracking.method.value,
        "trackingLabel": spec.tracking.label,
        "installation": spec.tracking.installation,
        "delete": spec.sync_policy.options.get(_DELETE, ""),
        "dependsOn": " ".join(sorted({item.app for item in spec.depends_on if item.app})),
        "server": server,
        **_written(reach),
    }
    return {name: text for name, text in written.items() if text}


def _written(reach: Reach) -> Mapping[str, str]:
    written = {
        "kinds": " ".join(sorted("|".join(kind) for kind in reach.kinds)),
        "namespaces": " ".join(sorted(reach.namespaces)),
    }
    return {name: text for name, text in written.items() if text}


def _plain(value: object) -> str:
    """A text for a value of dataclasses, mappings, sets and sequences that depends on nothing but its content."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = [
            f"{item.name}={_plain(held)}"
            for item in fields(value)
            if not isinstance(held := getattr(value, item.name), Position) and held != _default(item)
        ]
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key!r}:{_plain(item)}" for key, item in value.items())) + "}"
    if isinstance(value, AbstractSet):
        return "{" + ",".join(sorted(_plain(item) for item in value)) + "}"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_plain(item) for item in value) + "]"
    return repr(value)


def _default(item: Field[object]) -> object:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default
