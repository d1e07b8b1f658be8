"""What a repository's server advertises: over HTTP by our own few lines, over ssh and from a folder through libgit2.

Our own lines because of what libgit2 cannot be told: it follows a redirect to another port of the same host with a
bearer token in hand (S10), holds all refs before anybody can count them (D9), and asks every server twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, mapping, text
from gitopsd.core.repo_url import valid_ref
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import remote

_ZERO = "0" * 40


def refs(request: JsonObject) -> Mapping[str, JsonValue]:
    """`access`, `known` (digest), `max_refs`, `note` (file to keep it in) → `{"digest", "base", "refs", "skipped"}`.

    `refs` is left out if the digest is the known one. `base` is the URL to fetch from (the server may have moved the
    repository on the same host). Names outside git's grammar are left out and counted (G7).
    """
    access, most = mapping(request, "access"), integer(request, "max_refs")
    url = text(access, "url")
    if url.startswith(("http://", "https://")):
        from gitopsd.sources.worker import http  # noqa: PLC0415 - http.client costs 30 ms of every worker's start

        advertisement = http.advertised(access, most)
        base, lines = advertisement.base, advertisement.refs
    else:
        base, lines = url, remote.advertised(access, most)
    found, skipped = _sorted_out(lines)
    digest = hashlib.sha256(json.dumps([base, found], sort_keys=True).encode()).hexdigest()
    answer: dict[str, JsonValue] = {"digest": digest, "base": base, "skipped": skipped}
    if digest == text(request, "known"):
        return answer
    answer["refs"] = found
    _note(text(request, "note"), answer)
    return answer


def _sorted_out(lines: Iterable[tuple[str, str]]) -> tuple[dict[str, str], int]:
    """Refs by name, tags peeled; and how many had names that no ref can have."""
    found: dict[str, str] = {}
    peeled: dict[str, str] = {}
    skipped = 0
    for name, commit in lines:
        plain = name.removesuffix("^{}")
        if not valid_ref(plain):
            skipped += plain != "capabilities"
        elif commit != _ZERO:
            (found if plain == name else peeled)[plain] = commit
    found.update((name, commit) for name, commit in peeled.items() if name in found)
    return found, skipped


def _note(path: str, answer: Mapping[str, JsonValue]) -> None:
    """Keep the answer beside the mirror, for the next start; without it the next start only asks again."""
    if not path:
        return
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(answer, file)
        os.replace(path + ".new", path)
    except OSError as error:
        raise Failure(FailureKind.DISK, os.strerror(error.errno or 0)) from None
