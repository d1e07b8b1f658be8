"""What git says about commits: who wrote them, when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from gitopsd.core.jsonvalue import JsonObject, JsonValue, sequence, text
from gitopsd.sources.worker import mirror

_HEX: Final = frozenset("0123456789abcdef")
# Of a message that is a book, the beginning is enough; the daemon cuts what it shows.
_MOST_BYTES: Final = 16 * 1024
_UTF_8: Final = "utf-8"


def describe(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commits` (full ids) → `{"infos": [{"author", "seconds", "message"}, …]}` in their order.

    A commit that is not there has an empty one. `author` is `Name <mail>`, `seconds` the author's time since 1970 (as
    Argo CD shows it), `message` the whole text, as far as it is not very long.
    """
    repository = mirror.opened(text(request, "mirror"))
    return {"infos": [_described(repository, str(commit)) for commit in sequence(request, "commits")]}


def _described(repository: pygit2.Repository, commit_id: str) -> Mapping[str, JsonValue]:
    found = repository.get(commit_id) if len(commit_id) == 40 and _HEX.issuperset(commit_id) else None
    if found is None or found.type != ObjectType.COMMIT:
        return {}
    commit = found.peel(pygit2.Commit)
    encoding = commit.message_encoding or _UTF_8
    by = commit.author
    name, mail = (_decoded(raw, encoding) for raw in (by.raw_name, by.raw_email))
    author = f"{name} <{mail}>" if mail else name
    return {"author": author, "seconds": by.time, "message": _decoded(commit.raw_message, encoding)}


def _decoded(raw: bytes, encoding: str) -> str:
    """Text in whatever encoding its writer claims: also one that nobody knows, or that is no encoding of text."""
    try:
        return raw[:_MOST_BYTES].decode(encoding, "replace")
    except (LookupError, ValueError, TypeError):
        return raw[:_MOST_BYTES].decode(_UTF_8, "replace")
