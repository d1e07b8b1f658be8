"""An operation as JSON and back, all but its plan."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import (
    JsonObject,
    JsonValue,
    boolean,
    integer,
    mapping,
    sequence,
    string_map,
    text,
)
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.syncrequest import AUTOMATED, HEALING, ObjectFilter, SyncRequest
from gitopsd.store.hooks import hook_rows, read_hooks
from gitopsd.store.jsontext import (
    from_json,
    listed,
    moment,
    number,
    object_key,
    read_moment,
    read_texts,
    read_time,
    texts,
    to_json,
)


def encode_operation(operation: Operation | None) -> str | None:
    """An operation without its plan, as compact JSON; None for none."""
    return None if operation is None else operation_json(operation)


def operation_json(operation: Operation) -> str:
    """An operation without its plan, as compact JSON."""
    return to_json(
        {
            "id": operation.id,
            "digest": operation.digest,
            "revisions": operation.revisions,
            "startedAt": moment(operation.started_at),
            "phase": operation.phase.value,
            "message": operation.message,
            "finishedAt": moment(operation.finished_at),
            "results": [[*key, item.code.value, item.message, item.seconds] for key, item in operation.results.items()],
            "retries": operation.retries,
            "request": _request(operation.request),
            "stage": operation.stage,
            "applied": operation.applied,
            "hooks": hook_rows(operation.hooks),
            "failing": operation.failing,
            "manifests": operation.manifests,
            "heldSince": moment(operation.held_since),
            "heldSeconds": operation.held_seconds,
        }
    )


def decode_operation(encoded: str) -> Operation:
    """The operation that was encoded, without a plan. Raises ValueError for anything else."""
    body = from_json(encoded)
    return Operation(
        id=text(body, "id"),
        digest=text(body, "digest"),
        revisions=read_texts(body, "revisions"),
        started_at=read_time(body, "startedAt"),
        phase=Phase(text(body, "phase")),
        message=text(body, "message"),
        finished_at=read_moment(body, "finishedAt"),
        results=dict(_read_result(row) for row in sequence(body, "results")),
        retries=integer(body, "retries"),
        request=_read_request(body),
        stage=integer(body, "stage"),
        applied=boolean(body, "applied"),
        hooks=read_hooks(body),
        failing=text(body, "failing"),
        manifests=text(body, "manifests"),
        held_since=read_moment(body, "heldSince"),
        held_seconds=number(body.get("heldSeconds")) or 0.0,
    )


def _request(request: SyncRequest) -> Mapping[str, object]:
    """What is as it is by default is left out."""
    fields: dict[str, object] = {
        "initiatedBy": request.initiated_by,
        "automated": request.automated,
        "selfHeal": request.self_heal,
        "dryRun": request.dry_run,
        "confirmed": request.confirmed,
        "force": request.force,
        "resources": [[item.group, item.kind, item.namespace, item.name, item.exclude] for item in request.resources],
        "labels": dict(request.labels),
        "options": dict(request.options),
        "plan": request.plan,
        "revisions": request.revisions,
        "info": dict(request.info),
    }
    if not request.hooks:
        fields["noHooks"] = True
    optional = {"prune": request.prune, "history": request.history, "retries": request.retries}
    return {name: held for name, held in fields.items() if held} | {
        name: held for name, held in optional.items() if held is not None
    }


def _read_request(body: JsonObject) -> SyncRequest:
    """Operations of schema version 1 say only whether they healed."""
    if "request" not in body:
        return HEALING if boolean(body, "selfHeal") else AUTOMATED
    written = mapping(body, "request")
    prune, history, retries = written.get("prune"), written.get("history"), written.get("retries")
    return SyncRequest(
        initiated_by=text(written, "initiatedBy"),
        automated=boolean(written, "automated"),
        self_heal=boolean(written, "selfHeal"),
        prune=prune if isinstance(prune, bool) else None,
        dry_run=boolean(written, "dryRun"),
        confirmed=boolean(written, "confirmed"),
        force=boolean(written, "force"),
        resources=tuple(_read_filter(row) for row in sequence(written, "resources")),
        labels=string_map(written, "labels"),
        options=string_map(written, "options"),
        plan=text(written, "plan"),
        history=history if isinstance(history, int) else None,
        revisions=read_texts(written, "revisions"),
        retries=retries if isinstance(retries, int) else None,
        info=string_map(written, "info"),
        hooks=not boolean(written, "noHooks"),
    )


def _read_filter(row: JsonValue) -> ObjectFilter:
    cells = listed(row, 5)
    group, kind, namespace, name = texts(cells[:4], "resources", 4)
    return ObjectFilter(group, kind, namespace, name, exclude=cells[4] is True)


def _read_result(row: JsonValue) -> tuple[ObjectKey, StepResult]:
    """Results of schema version 1 have no seconds."""
    if not isinstance(row, list) or len(row) not in (6, 7):
        raise ValueError("results: expected rows of 7 values")
    code, message = texts(row[4:6], "results", 2)
    seconds = number(row[6]) if len(row) == 7 else 0.0
    if seconds is None:
        raise ValueError("results: expected seconds")
    return object_key(row[:4]), StepResult(ResultCode(code), message, seconds)
