"""Applications: in a list, and one in full."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from gitopsd.core.app import AppSpec, Destination, SyncPolicy
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.errors import shown_url
from gitopsd.core.health.status import Health
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.staying import staying
from gitopsd.web.answer import encoded
from gitopsd.web.models.history import DeletionAnswer, PinAnswer
from gitopsd.web.models.model import Model
from gitopsd.web.models.operation import OperationAnswer
from gitopsd.web.models.resource import Child, HealthAnswer, HookAnswer, Resource
from gitopsd.web.models.source import SourceAnswer


class DestinationAnswer(Model):
    """Where objects go."""

    server: str
    name: str
    namespace: str

    @classmethod
    def of(cls, destination: Destination) -> DestinationAnswer:
        """From the core's value, without credentials in the URL."""
        return cls(
            server=shown_url(destination.server) if destination.server else "",
            name=destination.name,
            namespace=destination.namespace,
        )


class ConditionAnswer(Model):
    """What is wrong."""

    type: ConditionType
    message: str

    @classmethod
    def of(cls, condition: Condition) -> ConditionAnswer:
        """From the core's value."""
        return cls(type=condition.type, message=condition.message)


class SyncPolicyAnswer(Model):
    """What the application does on its own."""

    automated: bool
    prune: bool
    self_heal: bool
    allow_empty: bool
    options: dict[str, str]

    @classmethod
    def of(cls, policy: SyncPolicy) -> SyncPolicyAnswer:
        """From the core's value."""
        automated = policy.automated
        return cls(
            automated=automated is not None,
            prune=automated is not None and automated.prune,
            self_heal=automated is not None and automated.self_heal,
            allow_empty=automated is not None and automated.allow_empty,
            options=dict(policy.options),
        )


class DeletionSummary(Model):
    """That an application is being deleted, or was, in short."""

    phase: DeletionPhase
    cascade: str
    done: bool
    message: str = Field(description="how it stands, and what it waits for")
    error: str = Field(description='why it does not go on; "" if it does')

    @classmethod
    def of(cls, deletion: Deletion | None) -> DeletionSummary | None:
        """From the core's value; None for one that has not begun."""
        if deletion is None or not (deletion.under_way or deletion.done):
            return None
        return cls(
            phase=deletion.phase,
            cascade=deletion.cascade,
            done=deletion.done,
            message=deletion.message,
            error=deletion.error,
        )


class Summary(Model):
    """One application in a list."""

    name: str
    project: str
    labels: dict[str, str]
    sources: tuple[SourceAnswer, ...]
    destination: DestinationAnswer
    automated: bool
    sync: SyncCode
    health: HealthAnswer
    revisions: tuple[str, ...] = Field(description="the commit of each source")
    conditions: tuple[ConditionAnswer, ...]
    resource_count: int
    external_urls: tuple[str, ...] = Field(alias="externalURLs", description="where its objects' links lead")
    operation_phase: Phase | None = Field(description="of the sync under way or the last one")
    deletion: DeletionSummary | None = Field(description="null while nobody deletes it")
    reconciled_at: datetime | None

    @classmethod
    def of(cls, spec: AppSpec, status: AppStatus) -> Summary:
        """From the core's values."""
        return cls(
            name=spec.name,
            project=spec.project,
            labels=dict(spec.labels),
            sources=tuple(SourceAnswer.of(source) for source in spec.sources),
            destination=DestinationAnswer.of(spec.destination),
            automated=spec.sync_policy.automated is not None,
            sync=status.sync,
            health=HealthAnswer.of(status.health),
            revisions=status.revisions,
            conditions=tuple(ConditionAnswer.of(condition) for condition in status.conditions),
            resource_count=len(status.resources),
            external_urls=status.external_urls,
            operation_phase=status.operation.phase if status.operation else None,
            deletion=DeletionSummary.of(status.deletion),
            reconciled_at=status.reconciled_at,
        )


class Page(Model):
    """Applications sorted by name; `continue` asks for those after them ("" if there are none)."""

    items: tuple[Summary, ...]
    continue_: str = Field(alias="continue")
    total: int = Field(description="how many applications match, on all pages together")


class Application(Model):
    """One application in full."""

    summary: Summary
    sync_policy: SyncPolicyAnswer
    defined_in: str = Field(description="file and line of its declaration")
    unsupported: tuple[str, ...] = Field(description="fields that this version cannot honour")
    unused_ignore_differences: tuple[str, ...] = Field(
        description="rules of ignoreDifferences that found nothing to ignore so far"
    )
    decision: str = Field(description="what the daemon decided last, and why")
    renderers: tuple[str, ...]
    operation: OperationAnswer | None
    pinned: PinAnswer | None
    blocked_by: tuple[str, ...] = Field(description="what keeps it from being synced now")
    deletion: DeletionAnswer | None
    resources: tuple[Resource, ...]
    hooks: tuple[HookAnswer, ...]
    children: tuple[Child, ...]

    @classmethod
    def of(
        cls,
        spec: AppSpec,
        status: AppStatus,
        children: Sequence[LiveObject],
        verdicts: Mapping[ObjectKey, Health | None],
    ) -> Application:
        """From the core's values; `verdicts` are those on `children`."""
        stays = staying(status.operation)
        return cls(
            summary=Summary.of(spec, status),
            sync_policy=SyncPolicyAnswer.of(spec.sync_policy),
            defined_in=str(spec.position),
            unsupported=spec.unsupported,
            unused_ignore_differences=status.unused_ignores,
            decision=status.decision,
            renderers=status.renderers,
            operation=OperationAnswer.last_of(status),
            pinned=PinAnswer.of(status.pin) if status.pin else None,
            blocked_by=status.blocked_by,
            deletion=DeletionAnswer.begun(status.deletion),
            resources=tuple(Resource.of(item, stays.get(item.key, "")) for item in status.resources),
            hooks=tuple(HookAnswer.of(hook) for hook in status.hooks),
            children=tuple(Child.of(live, verdicts.get(live.key)) for live in children),
        )


class OperationState(Model):
    """An application without its objects: what it is doing. `version` is another one whenever something else is."""

    version: str
    summary: Summary
    operation: OperationAnswer | None
    previous_operation: OperationAnswer | None = Field(
        description="the one that ended last, where `operation` is another one: nobody misses its end"
    )
    asked_operation: OperationAnswer | None = Field(
        description="the one with the id that was asked for, if it is known still: whatever happened since"
    )
    pinned: PinAnswer | None
    blocked_by: tuple[str, ...]
    deletion: DeletionAnswer | None

    @classmethod
    def of(
        cls, spec: AppSpec, status: AppStatus, ended: Operation | None = None, asked: Operation | None = None
    ) -> OperationState:
        """From the core's values; `ended` is the operation that ended last, `asked` the one that was asked for."""
        present = status.operation
        previous = ended if ended is not None and (present is None or present.id != ended.id) else None
        told = cls(
            version="",
            summary=Summary.of(spec, status),
            operation=OperationAnswer.last_of(status),
            previous_operation=OperationAnswer.of(previous) if previous else None,
            asked_operation=OperationAnswer.of(asked, status.resources) if asked else None,
            pinned=PinAnswer.of(status.pin) if status.pin else None,
            blocked_by=status.blocked_by,
            deletion=DeletionAnswer.begun(status.deletion),
        )
        return told.model_copy(update={"version": hashlib.blake2b(encoded(told), digest_size=16).hexdigest()})


class Refreshed(Model):
    """A refresh: `finished` says whether a reconciliation that began after the request ended. The summary is of now."""

    finished: bool
    application: Summary
