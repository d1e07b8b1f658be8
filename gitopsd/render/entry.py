"""One remembered render, and its form on disk."""

from __future__ import annotations

import sys
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue, sequence, text
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.render.evidence import Evidence
from gitopsd.render.needs import need_frame, parse_need
from gitopsd.render.supplies import Supplied

_FORMAT: Final = 3
_PLAIN_JSON: Final = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
)


@dataclass(frozen=True, slots=True)
class Entry:
    """`packed` are the manifests, compressed; `key` says for what they were made, `evidence` for how long they hold.

    `made` is when (seconds since 1970), `random` what was drawn from the application's seed.
    """

    key: str
    renderer: str
    warnings: tuple[str, ...]
    evidence: Evidence
    packed: bytes
    random: tuple[str, ...] = ()
    made: float = 0.0

    @property
    def name(self) -> str:
        """Its file's name: different for different contents under one key."""
        return f"{self.key}-{self.evidence.name}"

    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests, parsed anew on each call."""
        return tuple(
            Manifest(body, Position(sys.intern(file), line, column))
            for file, line, column, body in orjson.loads(zlib.decompress(self.packed))
        )

    def to_bytes(self) -> bytes:
        """The entry as it is written."""
        head: dict[str, JsonValue] = {
            "format": _FORMAT,
            "key": self.key,
            "renderer": self.renderer,
            "warnings": self.warnings,
            "random": self.random,
            "made": self.made,
            "commits": self.evidence.commits,
            "target": self.evidence.target,
            "reads": None
            if self.evidence.reads is None
            else [[read.kind, read.path, read.root] for read in self.evidence.reads],
            "supplied": [[need_frame(each.need), each.identity] for each in self.evidence.supplied],
            "fingerprints": self.evidence.fingerprints,
        }
        return orjson.dumps(head) + b"\n" + self.packed

    @classmethod
    def from_bytes(cls, raw: bytes) -> Entry:
        """Raises `ValueError` for anything that `to_bytes` did not make."""
        line, _, packed = raw.partition(b"\n")
        head: JsonObject = orjson.loads(line)
        if not isinstance(head, dict) or head.get("format") != _FORMAT:
            raise ValueError("written by another version")
        reads = head.get("reads")
        evidence = Evidence(
            _texts(head, "commits"),
            text(head, "target"),
            None if reads is None else tuple(_read(item) for item in sequence(head, "reads")),
            tuple(_texts(head, "fingerprints")),
            tuple(_supplied(item) for item in sequence(head, "supplied")),
        )
        made = head.get("made")
        return cls(
            text(head, "key"),
            text(head, "renderer"),
            tuple(_texts(head, "warnings")),
            evidence,
            packed,
            tuple(_texts(head, "random")),
            float(made) if isinstance(made, (int, float)) else 0.0,
        )


def pack_manifests(manifests: Sequence[Manifest]) -> tuple[bytes, int]:
    """The manifests compressed, and their size before that. Raises `TypeError` where a body is not JSON."""
    raw = orjson.dumps(
        [[each.origin.file, each.origin.line, each.origin.column, each.body] for each in manifests],
        default=_plain,
        option=_PLAIN_JSON,
    )
    return zlib.compress(raw, 1), len(raw)


def _plain(found: object) -> JsonValue:
    match found:
        case Mapping():
            return dict(found)
        case list() | tuple() | deque():
            return list(found)
        case _:
            raise TypeError(f"a manifest holds a value of type {type(found).__name__}, which JSON does not have")


def _texts(head: JsonObject, key: str) -> list[str]:
    return [item for item in sequence(head, key) if isinstance(item, str)]


def _read(item: JsonValue) -> Read:
    match item:
        case [str(kind), str(path), str(root)]:
            return Read(path, ReadKind(kind), root)
        case _:
            raise ValueError("a read has another form")


def _supplied(item: JsonValue) -> Supplied:
    match item:
        case [dict(need), str(identity)]:
            return Supplied(parse_need(need), identity)
        case _:
            raise ValueError("what was supplied has another form")
