"""Applications that others brought as bytes, and back."""

from __future__ import annotations

from gitopsd.core.childapps import ChildRecord
from gitopsd.core.document import Document
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import integer, text
from gitopsd.store.jsontext import from_json, moment, read_moment, read_time, to_json


def encode_child(child: ChildRecord) -> bytes:
    """Everything but its name and its parent. The manifest's bytes stay as they are."""
    fields = {
        "uid": child.uid,
        "created": moment(child.created),
        "digest": child.digest,
        "file": child.origin.file,
        "line": child.origin.line,
        "column": child.origin.column,
        "deleting": moment(child.deleting),
    }
    return to_json(fields).encode() + b"\n" + child.manifest.raw


def decode_child(name: AppName, parent: AppName, encoded: bytes) -> ChildRecord:
    """The application. Raises ValueError for anything else."""
    head, newline, manifest = encoded.partition(b"\n")
    body = from_json(head)
    if not newline or text(from_json(manifest), "metadata", "name") != name:
        raise ValueError(f"child: expected the manifest of {name}")
    return ChildRecord(
        name=name,
        parent=parent,
        manifest=Document(manifest),
        uid=text(body, "uid"),
        created=read_time(body, "created"),
        digest=text(body, "digest"),
        origin=Position(text(body, "file"), integer(body, "line"), integer(body, "column")),
        deleting=read_moment(body, "deleting"),
    )
