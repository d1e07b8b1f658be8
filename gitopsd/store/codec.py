"""An application's status as JSON and back, field by field: nothing is stored that is not named here.

No manifest, no plan and no spec goes in: what git or the cluster holds is computed again after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import orjson

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode, external_urls
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, objects, sequence, text, value
from gitopsd.core.links import Link
from gitopsd.core.manifest import Hook
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.syncrequest import AUTOMATED, HEALING


def encode_status(status: AppStatus) -> str:
    """Everything but the name and the operation, as compact JSON."""
    return _json(
        {
            "sync": status.sync.value,
            "health": _health(status.health),
            "revisions": status.revisions,
            "conditions": [[item.type.value, item.message] for item in status.conditions],
            "resources": [_resource(item) for item in status.resources],
            "hooks": [
                {"gvk": item.gvk, "namespace": item.namespace, "name": item.name, "phases": item.phases}
                for item in status.hooks
            ],
            "renderers": status.renderers,
            "decision": status.decision,
            "reconciledAt": _moment(status.reconciled_at),
        }
    )


def encode_operation(operation: Operation | None) -> str | None:
    """An operation without its plan, as compact JSON; None for none."""
    if operation is None:
        return None
    return _json(
        {
            "digest": operation.digest,
            "revisions": operation.revisions,
            "startedAt": _moment(operation.started_at),
            "phase": operation.phase.value,
            "message": operation.message,
            "finishedAt": _moment(operation.finished_at),
            "results": [[*key, item.code.value, item.message] for key, item in operation.results.items()],
            "retries": operation.retries,
            "selfHeal": operation.self_heal,
            "stage": operation.stage,
            "applied": operation.applied,
        }
    )


def decode(name: AppName, status: str, operation: str | None) -> AppStatus:
    """The value that was encoded. Raises ValueError for anything else."""
    body: JsonObject = _object(status)
    resources = tuple(_read_resource(item) for item in objects(body, "resources"))
    return AppStatus(
        name=name,
        sync=SyncCode(text(body, "sync")),
        health=_read_health(body, "health"),
        revisions=_texts(body, "revisions"),
        conditions=tuple(
            Condition(ConditionType(kind), message) for kind, message in _rows(body, "conditions", columns=2)
        ),
        resources=resources,
        external_urls=external_urls(resources),
        hooks=tuple(
            Hook(_read_gvk(item), text(item, "namespace"), text(item, "name"), _texts(item, "phases"))
            for item in objects(body, "hooks")
        ),
        renderers=_texts(body, "renderers"),
        operation=None if operation is None else _read_operation(_object(operation)),
        decision=text(body, "decision"),
        reconciled_at=_read_moment(body, "reconciledAt"),
    )


def _json(body: Mapping[str, object]) -> str:
    """Foreign texts may hold what UTF-8 cannot (lone surrogates): such characters become `?`."""
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()


def _health(health: Health) -> list[str]:
    return [health.status.value, health.message]


def _resource(item: ResourceStatus) -> Mapping[str, object]:
    """Fields that hold what most resources have are left out: with thousands of objects the file's size is theirs."""
    fields: dict[str, object] = {
        "gvk": item.gvk,
        "namespace": item.key.namespace,
        "name": item.key.name,
        "sync": item.sync.value,
        "version": item.version,
    }
    if item.health is not None:
        fields["health"] = _health(item.health)
    seldom: Mapping[str, object] = {
        "wave": item.wave,
        "requiresPruning": item.requires_pruning,
        "healthIgnored": item.health_ignored,
        "changes": item.changes,
        "message": item.message,
        "since": _moment(item.since),
        "until": _moment(item.until),
        "links": item.links,
    }
    return fields | {name: held for name, held in seldom.items() if held}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _object(encoded: str) -> JsonObject:
    body: JsonValue = orjson.loads(encoded)
    if not isinstance(body, Mapping):
        raise ValueError("expected an object")  # noqa: TRY004  # wrong content of a row, like every other way it can be wrong
    return body


def _texts(body: JsonObject, key: str) -> tuple[str, ...]:
    return tuple(item for item in sequence(body, key) if isinstance(item, str))


def _rows(body: JsonObject, key: str, *, columns: int) -> list[tuple[str, ...]]:
    rows = []
    for row in sequence(body, key):
        cells = tuple(cell for cell in row if isinstance(cell, str)) if isinstance(row, list) else ()
        if len(cells) != columns:
            raise ValueError(f"{key}: expected rows of {columns} texts")
        rows.append(cells)
    return rows


def _read_health(body: JsonObject, *path: str) -> Health:
    row = sequence(body, *path)
    cells = [cell for cell in row if isinstance(cell, str)]
    if len(cells) != 2:
        raise ValueError("health: expected status and message")
    return Health(HealthStatus(cells[0]), cells[1])


def _read_gvk(body: JsonObject) -> GVK:
    group, version, kind = _three(_texts(body, "gvk"))
    return GVK(group, version, kind)


def _three(cells: tuple[str, ...]) -> tuple[str, str, str]:
    if len(cells) != 3:
        raise ValueError("gvk: expected group, version and kind")
    return cells[0], cells[1], cells[2]


def _read_resource(body: JsonObject) -> ResourceStatus:
    gvk = _read_gvk(body)
    return ResourceStatus(
        key=ObjectKey(gvk.group, gvk.kind, text(body, "namespace"), text(body, "name")),
        gvk=gvk,
        sync=SyncCode(text(body, "sync")),
        health=_read_health(body, "health") if value(body, "health") is not None else None,
        wave=integer(body, "wave"),
        requires_pruning=boolean(body, "requiresPruning"),
        health_ignored=boolean(body, "healthIgnored"),
        changes=_texts(body, "changes"),
        message=text(body, "message"),
        version=text(body, "version"),
        since=_read_moment(body, "since"),
        until=_read_moment(body, "until"),
        links=tuple(Link(title, url) for title, url in _rows(body, "links", columns=2)),
    )


def _read_operation(body: JsonObject) -> Operation:
    started_at = _read_moment(body, "startedAt")
    if started_at is None:
        raise ValueError("operation: expected startedAt")
    return Operation(
        digest=text(body, "digest"),
        revisions=_texts(body, "revisions"),
        started_at=started_at,
        phase=Phase(text(body, "phase")),
        message=text(body, "message"),
        finished_at=_read_moment(body, "finishedAt"),
        results={
            ObjectKey(group, kind, namespace, name): StepResult(ResultCode(code), message)
            for group, kind, namespace, name, code, message in _rows(body, "results", columns=6)
        },
        retries=integer(body, "retries"),
        request=HEALING if boolean(body, "selfHeal") else AUTOMATED,
        stage=integer(body, "stage"),
        applied=boolean(body, "applied"),
    )


def _read_moment(body: JsonObject, key: str) -> datetime | None:
    written = text(body, key)
    return datetime.fromisoformat(written) if written else None
