"""What differs between git and the cluster."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.compare import Verdict
from gitopsd.core.difference import Difference, ObjectDifferences, Owner, Shown
from gitopsd.web.models.model import Model

_UNKNOWN: Final = (Verdict.UNKNOWN, Verdict.UNDECIDED)


class ShownValue(Model):
    """One side's value of a field. Without `present` the field is not there; null is a value."""

    present: bool
    value: object = Field(description="a Secret's is ++++++++, with more + for another one; cut if it is long")
    size: int | None = Field(description="where `value` is only a part of its text: how many bytes the whole one has")

    @classmethod
    def of(cls, shown: Shown) -> ShownValue:
        """From the core's value."""
        return cls(present=shown.present, value=shown.value, size=shown.size)


class OwnerAnswer(Model):
    """Who set a field, as the API server recorded it."""

    manager: str
    operation: str
    time: str
    subresource: str

    @classmethod
    def of(cls, owner: Owner) -> OwnerAnswer:
        """From the core's value."""
        return cls(manager=owner.manager, operation=owner.operation, time=owner.time, subresource=owner.subresource)


class FieldDifference(Model):
    """One field; of an object that is missing or extra the whole, with the path ""."""

    path: str
    desired: ShownValue
    live: ShownValue
    owner: OwnerAnswer | None = Field(description="who set the live value; null where nobody is recorded")

    @classmethod
    def of(cls, difference: Difference) -> FieldDifference:
        """From the core's value."""
        return cls(
            path=difference.path,
            desired=ShownValue.of(difference.desired),
            live=ShownValue.of(difference.live),
            owner=OwnerAnswer.of(difference.owner) if difference.owner else None,
        )


class ObjectDifference(Model):
    """One object that is not in sync, or that could not be compared."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    sync: SyncCode
    difference: str = Field(
        description="changed, missing (in git alone), extra (in the cluster alone), refused (by the API server; see "
        "`message`) or unknown"
    )
    message: str
    fields: tuple[FieldDifference, ...]
    truncated: bool = Field(description="whether there are more fields than these")

    @classmethod
    def of(cls, found: ObjectDifferences) -> ObjectDifference:
        """From the core's value, masked as it is."""
        item = found.item
        side = item.desired or item.live
        unknown = item.verdict in _UNKNOWN
        return cls(
            group=item.key.group,
            version=side.gvk.version if side is not None else "",
            kind=item.key.kind,
            namespace=item.key.namespace,
            name=item.key.name,
            sync=SyncCode.UNKNOWN if unknown else SyncCode.OUT_OF_SYNC,
            difference=Verdict.UNKNOWN if unknown else item.verdict.value,
            message=item.error,
            fields=tuple(FieldDifference.of(field) for field in found.fields),
            truncated=found.truncated,
        )


class Differences(Model):
    """All objects of an application that are not in sync; `sync` is the whole application's."""

    application: str
    sync: SyncCode
    items: tuple[ObjectDifference, ...]
