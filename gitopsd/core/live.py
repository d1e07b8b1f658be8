"""What a cluster has: live objects, as the watches last showed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitopsd.core.document import Document
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.unreadable import ALL_READABLE, Unreadable


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One object of a cluster. `owner` is the application that its tracking id names ("" if none).

    `copied` is True where the tracking id names another object than this one: somebody copied it, annotation and all.
    Such an object is shown, and neither compared nor pruned (Argo CD: "non-self-referencing"). `foreign` names the
    application of another installation that tracks it ("" if none does): then it has no `owner`.

    `inferred` are owners that it does not refer to, `aliases` what such children know it by (core.tree.inferred).
    """

    key: ObjectKey
    gvk: GVK
    uid: str
    resource_version: str
    document: Document
    owner: str = ""
    copied: bool = False
    owner_uids: tuple[str, ...] = ()
    deleting: bool = False
    foreign: str = ""
    inferred: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """Uids and aliases of all that own it."""
        return (*self.owner_uids, *self.inferred) if self.inferred else self.owner_uids


@dataclass(frozen=True, slots=True)
class Live:
    """The live objects that matter to one application: those with the keys it wants, and those that are tracked as its
    own.

    `unreadable` are wanted kinds of which nobody can say now what there is, everywhere or in some namespaces.
    """

    objects: Mapping[ObjectKey, LiveObject]
    unreadable: Unreadable = ALL_READABLE


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a server-side dry-run of one desired object answered.

    `document` is the object as it would be (None when the API server refused, `error` then says why). Valid for exactly
    this pair of desired digest and live resourceVersion ("" for an object that did not exist). `current` is the live
    object at the desired version, where that is another than the one it is watched at: two versions of one object
    cannot be compared.
    """

    desired_digest: str
    resource_version: str
    document: Document | None
    error: str = ""
    current: Document | None = None


def is_newer(version: str, than: str) -> bool:
    """Whether a resourceVersion is later than another of the same kind.

    They are whole numbers that grow (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions);
    where a server has something else, any other version counts as newer.
    """
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than
