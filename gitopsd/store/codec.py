"""An application's status as JSON and back, field by field: nothing is stored that is not named here.

No manifest, no plan and no spec goes in: what git or the cluster holds is computed again after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode, external_urls
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, objects, sequence, text, value
from gitopsd.core.links import Link
from gitopsd.core.manifest import Hook
from gitopsd.store.jsontext import from_json, moment, read_gvk, read_moment, read_rows, read_texts, to_json
from gitopsd.store.operations import decode_operation


def encode_status(status: AppStatus) -> str:
    """Everything but the name and the operation, as compact JSON."""
    return to_json(
        {
            "sync": status.sync.value,
            "health": _health(status.health),
            "revisions": status.revisions,
            "conditions": [[item.type.value, item.message] for item in status.conditions],
            "resources": [_resource(item) for item in status.resources],
            "hooks": [
                {"gvk": [*item.gvk], "namespace": item.namespace, "name": item.name, "phases": item.phases}
                for item in status.hooks
            ],
            "renderers": status.renderers,
            "decision": status.decision,
            "server": status.server,
            "reconciledAt": moment(status.reconciled_at),
        }
    )


def decode(name: AppName, status: str, operation: str | None) -> AppStatus:
    """The value that was encoded. Raises ValueError for anything else."""
    body: JsonObject = from_json(status)
    resources = tuple(_read_resource(item) for item in objects(body, "resources"))
    return AppStatus(
        name=name,
        sync=SyncCode(text(body, "sync")),
        health=_read_health(body, "health"),
        revisions=read_texts(body, "revisions"),
        conditions=tuple(
            Condition(ConditionType(kind), message) for kind, message in read_rows(body, "conditions", columns=2)
        ),
        resources=resources,
        external_urls=external_urls(resources),
        hooks=tuple(
            Hook(read_gvk(item), text(item, "namespace"), text(item, "name"), read_texts(item, "phases"))
            for item in objects(body, "hooks")
        ),
        renderers=read_texts(body, "renderers"),
        operation=None if operation is None else decode_operation(operation),
        decision=text(body, "decision"),
        server=text(body, "server"),
        reconciled_at=read_moment(body, "reconciledAt"),
    )


def _health(health: Health) -> list[str]:
    return [health.status.value, health.message]


def _resource(item: ResourceStatus) -> Mapping[str, object]:
    """Fields that hold what most resources have are left out: with thousands of objects the file's size is theirs."""
    fields: dict[str, object] = {
        "gvk": [*item.gvk],
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
        "since": moment(item.since),
        "until": moment(item.until),
        "links": [[*link] for link in item.links],
        "outOfSight": item.out_of_sight,
        "pruneHeld": item.prune_held,
    }
    return fields | {name: held for name, held in seldom.items() if held}


def _read_health(body: JsonObject, *path: str) -> Health:
    row = sequence(body, *path)
    cells = [cell for cell in row if isinstance(cell, str)]
    if len(cells) != 2:
        raise ValueError("health: expected status and message")
    return Health(HealthStatus(cells[0]), cells[1])


def _read_resource(body: JsonObject) -> ResourceStatus:
    gvk = read_gvk(body)
    return ResourceStatus(
        key=ObjectKey(gvk.group, gvk.kind, text(body, "namespace"), text(body, "name")),
        gvk=gvk,
        sync=SyncCode(text(body, "sync")),
        health=_read_health(body, "health") if value(body, "health") is not None else None,
        wave=integer(body, "wave"),
        requires_pruning=boolean(body, "requiresPruning"),
        health_ignored=boolean(body, "healthIgnored"),
        changes=read_texts(body, "changes"),
        message=text(body, "message"),
        version=text(body, "version"),
        since=read_moment(body, "since"),
        until=read_moment(body, "until"),
        links=tuple(Link(title, url) for title, url in read_rows(body, "links", columns=2)),
        out_of_sight=boolean(body, "outOfSight"),
        prune_held=boolean(body, "pruneHeld"),
    )
