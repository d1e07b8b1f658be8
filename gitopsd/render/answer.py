"""The engine's answers, from JSON to values."""

from __future__ import annotations

from gitopsd.core.errors import RenderError
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonObject, integer, mapping, objects, sequence, text
from gitopsd.core.manifest import Manifest, Read, ReadKind
from gitopsd.plugin.engine import EngineAnswer
from gitopsd.plugin.failure import TracedRenderError

# Codes of engine/PROTOCOL.md whose cause may pass without a change in git.
_PASSING = frozenset(("deadline", "memory", "internal"))
_LONGEST_MESSAGE = 1600


def read_answer(body: JsonObject) -> EngineAnswer:
    """The result in an answer. Raises `TracedRenderError` for an error in it, `RenderError` if it is neither."""
    error = body.get("error")
    if isinstance(error, dict):
        raise _failure(error)
    result = body.get("result")
    if not isinstance(result, dict):
        raise RenderError("the render engine gave an answer with neither result nor error")
    return EngineAnswer(
        manifests=tuple(_manifest(item) for item in objects(result, "manifests")),
        reads=_reads(result),
        warnings=tuple(item for item in sequence(result, "warnings") if isinstance(item, str)),
        random=tuple(f"{text(item, 'template')}: {text(item, 'function')}" for item in objects(result, "random")),
    )


def read_result(body: JsonObject) -> JsonObject:
    """The result in an answer that holds no manifests. Raises `RenderError` for an error in it."""
    error = body.get("error")
    if isinstance(error, dict):
        raise _failure(error)
    return mapping(body, "result")


def is_memory_failure(body: JsonObject) -> bool:
    """Whether the worker says that it dies of memory: one request is guilty, and the worker cannot know which."""
    return text(body, "error", "code") == "memory"


def is_stuck(body: JsonObject) -> bool:
    """Whether the request goes on inside of the worker, which should be replaced."""
    return text(body, "error", "worker") == "stuck" or text(body, "worker") == "stuck"


def _manifest(item: JsonObject) -> Manifest:
    return Manifest(mapping(item, "object"), Position(text(item, "file"), integer(item, "line")))


def _reads(holder: JsonObject) -> tuple[Read, ...]:
    return tuple(
        Read(text(item, "path"), _kind(text(item, "kind")), text(item, "root")) for item in objects(holder, "reads")
    )


def _kind(name: str) -> ReadKind:
    try:
        return ReadKind(name)
    except ValueError:
        raise RenderError(f"the render engine reports an unknown kind of read: {name!r}") from None


def _failure(error: JsonObject) -> TracedRenderError:
    code, file = text(error, "code"), text(error, "file")
    where = str(Position(file, integer(error, "line"), integer(error, "column"))) if file else ""
    traced = bool(error.get("reads")) and code not in _PASSING
    return TracedRenderError(
        _shortened(text(error, "message")) or f"the render engine failed ({code})",
        where=where,
        hint=text(error, "hint"),
        retryable=code in _PASSING,
        reads=_reads(error) if traced else None,
    )


def _shortened(message: str) -> str:
    """Endless recursion says the same a thousand times: the beginning and the end tell it all."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[: _LONGEST_MESSAGE // 2]} … {message[-_LONGEST_MESSAGE // 2 :]}"
