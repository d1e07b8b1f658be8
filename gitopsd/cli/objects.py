"""Kubernetes objects out of files that a person names, read as kubectl reads them."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.cli.failures import BadInputError
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest
from gitopsd.render.engine import locate
from gitopsd_plain.documents import read_manifests

# What fits into one request of the engine.
MAX_BYTES: Final = 45 << 20
# Below this much YAML the engine needs longer to start than Python to read it.
ENGINE_BYTES: Final = 1 << 20
_DEADLINE: Final = 120.0
STDIN: Final = "-"


def read_objects(files: Sequence[str], environ: Mapping[str, str]) -> tuple[list[JsonObject], list[str]]:
    """All objects of `files` in order, items of lists one by one, and warnings about documents that are none.

    Times stay text. Raises `BadInputError` with file:line:column for what cannot be read. Blocks.
    """
    texts = [(_shown(file), _bytes(file)) for file in files]
    warnings: list[str] = []
    slow = sum(len(data) for _, data in texts if data.lstrip()[:1] != b"{")
    engine = locate("", environ) if slow > ENGINE_BYTES else None
    try:
        if engine is not None:
            import anyio

            manifests = anyio.run(_decoded, engine, texts, warnings)
        else:
            manifests = []
            for name, data in texts:
                skipped: list[str] = []
                manifests += _meant(read_manifests(data, name, skipped), skipped)
                warnings += skipped
    except RenderError as error:
        raise BadInputError(
            error.what, where=error.where, why=error.why, hint=error.hint or "correct the file"
        ) from None
    return [each.body for each in manifests], warnings


async def _decoded(engine: str, texts: Sequence[tuple[str, bytes]], warnings: list[str]) -> list[Manifest]:
    from gitopsd.render.pool import EnginePool

    found: list[Manifest] = []
    async with EnginePool([engine]) as pool:
        for name, data in texts:
            params = {"documents_base64": base64.b64encode(data).decode("ascii"), "file": name}
            answer = await pool.call("decode", params, deadline=_DEADLINE)
            found += _meant(answer.manifests, answer.warnings)
            warnings += answer.warnings
    return found


def _meant(manifests: Sequence[Manifest], skipped: Sequence[str]) -> Sequence[Manifest]:
    """A document beside others may be something else; a file of nothing else is a mistake, and an error here."""
    if skipped and not manifests:
        raise BadInputError("no Kubernetes object in the file", why=skipped[0], hint="name files of live objects")
    return manifests


def _bytes(file: str) -> bytes:
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(file, "rb") as opened:
                data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise BadInputError(
            "the file cannot be read", where=_shown(file), why=why, hint="-f with a file's path"
        ) from None
    if len(data) > MAX_BYTES:
        raise BadInputError(f"the file has more than {MAX_BYTES} bytes", where=_shown(file), hint="cut it into several")
    return data


def _shown(file: str) -> str:
    return "standard input" if file == STDIN else file
