"""History entries, pins and deletions as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsd.core.app import Source
from gitopsd.core.history import Deletion, DeletionPhase, HistoryEntry, Pin, RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, string_map, text
from gitopsd.store.hooks import hook_rows, read_hooks
from gitopsd.store.jsontext import from_json, moment, read_moment, read_texts, read_time, to_json


def encode_entry(entry: HistoryEntry) -> str:
    """Everything but the sources."""
    fields: dict[str, object] = {
        "revisions": entry.revisions,
        "digest": entry.digest,
        "manifests": entry.manifests,
        "startedAt": moment(entry.started_at),
        "deployedAt": moment(entry.deployed_at),
        "initiatedBy": entry.initiated_by,
        "automated": entry.automated,
        "healthyAt": moment(entry.healthy_at),
        "infos": [_info(item) for item in entry.infos],
    }
    if entry.rollback_of is not None:
        fields["rollbackOf"] = entry.rollback_of
    return to_json(fields)


def decode_entry(number: int, encoded: str, sources: tuple[Source, ...]) -> HistoryEntry:
    """The entry with id `number`. Raises ValueError for anything else."""
    body = from_json(encoded)
    return HistoryEntry(
        id=number,
        revisions=read_texts(body, "revisions"),
        sources=sources,
        digest=text(body, "digest"),
        manifests=text(body, "manifests"),
        started_at=read_time(body, "startedAt"),
        deployed_at=read_time(body, "deployedAt"),
        initiated_by=text(body, "initiatedBy"),
        automated=boolean(body, "automated"),
        healthy_at=read_moment(body, "healthyAt"),
        rollback_of=integer(body, "rollbackOf") if "rollbackOf" in body else None,
        infos=tuple(_read_info(item) for item in objects(body, "infos")),
    )


def encode_sources(sources: tuple[Source, ...]) -> bytes:
    """Sources as their owner wrote them; their options may hold secrets (values of a chart)."""
    return to_json({"sources": [_source(item) for item in sources]}).encode()


def decode_sources(encoded: bytes) -> tuple[Source, ...]:
    """The sources. Raises ValueError for anything else."""
    return tuple(_read_source(item) for item in objects(from_json(encoded), "sources"))


def encode_pin(pin: Pin) -> str:
    """All of it."""
    return to_json(
        {
            "entry": pin.entry,
            "manifests": pin.manifests,
            "digest": pin.digest,
            "heldAgainst": pin.held_against,
            "since": moment(pin.since),
            "by": pin.by,
            "reason": pin.reason,
        }
    )


def decode_pin(encoded: str) -> Pin:
    """The pin. Raises ValueError for anything else."""
    body = from_json(encoded)
    if "entry" not in body:
        raise ValueError("pin: expected entry")
    return Pin(
        entry=integer(body, "entry"),
        manifests=text(body, "manifests"),
        digest=text(body, "digest"),
        held_against=text(body, "heldAgainst"),
        since=read_time(body, "since"),
        by=text(body, "by"),
        reason=text(body, "reason"),
    )


def encode_deletion(deletion: Deletion) -> str:
    """Everything but the application."""
    return to_json(
        {
            "id": deletion.id,
            "cascade": deletion.cascade,
            "began": moment(deletion.began),
            "phase": deletion.phase.value,
            "by": deletion.by,
            "removed": deletion.removed,
            "specDigest": deletion.spec_digest,
            "manifests": deletion.manifests,
            "confirmed": deletion.confirmed,
            "attempt": deletion.attempt,
            "hooks": hook_rows(deletion.hooks),
            "kept": dict(deletion.kept),
            "message": deletion.message,
            "error": deletion.error,
            "details": dict(deletion.details),
        }
    )


def decode_deletion(app: str, encoded: str) -> Deletion:
    """The deletion. Raises ValueError for anything else."""
    body = from_json(encoded)
    return Deletion(
        app=app,
        id=text(body, "id"),
        cascade=text(body, "cascade"),
        began=read_time(body, "began"),
        phase=DeletionPhase(text(body, "phase")),
        by=text(body, "by"),
        removed=boolean(body, "removed"),
        spec_digest=text(body, "specDigest"),
        manifests=text(body, "manifests"),
        confirmed=boolean(body, "confirmed"),
        attempt=integer(body, "attempt"),
        hooks=read_hooks(body),
        kept=string_map(body, "kept"),
        message=text(body, "message"),
        error=text(body, "error"),
        details=string_map(body, "details"),
    )


def _info(info: RevisionInfo) -> Mapping[str, object]:
    return {"author": info.author, "date": moment(info.date), "message": info.message, "tags": info.tags}


def _read_info(body: JsonObject) -> RevisionInfo:
    return RevisionInfo(
        text(body, "author"), read_moment(body, "date"), text(body, "message"), read_texts(body, "tags")
    )


def _source(source: Source) -> Mapping[str, object]:
    return {
        "repoURL": source.repo_url,
        "path": source.path,
        "targetRevision": source.target_revision,
        "renderer": source.renderer,
        "options": dict(source.options),
        "chart": source.chart,
        "ref": source.ref,
        "name": source.name,
        "tagPrefix": source.tag_prefix,
        "renders": source.renders,
    }


def _read_source(body: JsonObject) -> Source:
    return Source(
        repo_url=text(body, "repoURL"),
        path=text(body, "path"),
        target_revision=text(body, "targetRevision"),
        renderer=text(body, "renderer"),
        options=mapping(body, "options"),
        chart=text(body, "chart"),
        ref=text(body, "ref"),
        name=text(body, "name"),
        tag_prefix=text(body, "tagPrefix"),
        renders=boolean(body, "renders"),
    )
