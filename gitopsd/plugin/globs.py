"""Glob patterns without regular expressions: the time is bounded by pattern times text, whatever the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitopsd.core.errors import RenderError

MAX_LENGTH = 1024
MAX_ALTERNATIVES = 256


@dataclass(frozen=True, slots=True)
class _Any:
    """`?`, or `*` where `many`."""

    many: bool


@dataclass(frozen=True, slots=True)
class _Set:
    """`[a-z]`, or `[!a-z]` where `negated`."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool


_Token = str | _Any | _Set


class Glob:
    """A pattern of `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and `\\` before a character that stands for itself.

    `*` and `?` match `/` too, as in Argo CD's `directory.include`. Raises `RenderError` for a pattern that is broken or
    too large.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_LENGTH:
            raise RenderError(f"a glob pattern is longer than {MAX_LENGTH} characters")
        self._alternatives = tuple(_tokens(each) for each in _expand(pattern))

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` matches."""
        return any(_run(tokens, text) for tokens in self._alternatives)


def is_glob(text: str) -> bool:
    """Whether `text` holds any character that is special in a pattern."""
    return any(each in text for each in "*?[{")


def _expand(pattern: str) -> list[str]:
    """Every pattern without braces that `pattern` stands for."""
    pending, done = [pattern], []
    while pending:
        here = pending.pop()
        opening = _find(here, "{", 0)
        if opening < 0:
            done.append(here)
            continue
        pieces, after = _alternatives(here, opening)
        pending.extend(here[:opening] + piece + here[after:] for piece in pieces)
        if len(pending) + len(done) > MAX_ALTERNATIVES:
            raise RenderError(f"a glob pattern stands for more than {MAX_ALTERNATIVES} patterns")
    return done


def _alternatives(pattern: str, opening: int) -> tuple[list[str], int]:
    pieces, start, depth, index = [], opening + 1, 0, opening
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            index += 1
        elif char == "{":
            depth += 1
        elif char == "," and depth == 1:
            pieces.append(pattern[start:index])
            start = index + 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                pieces.append(pattern[start:index])
                return pieces, index + 1
        index += 1
    raise RenderError(f"glob pattern {pattern!r} has a {{ that is never closed")


def _find(pattern: str, wanted: str, start: int) -> int:
    index = start
    while index < len(pattern):
        if pattern[index] == "\\":
            index += 1
        elif pattern[index] == wanted:
            return index
        index += 1
    return -1


def _tokens(pattern: str) -> Sequence[_Token]:
    tokens: list[_Token] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "[":
            index = _character_set(pattern, index, tokens)
            continue
        if char == "\\" and index + 1 < len(pattern):
            index += 1
            tokens.append(pattern[index])
        else:
            tokens.append(_Any(many=char == "*") if char in "*?" else char)
        index += 1
    return tokens


def _character_set(pattern: str, index: int, tokens: list[_Token]) -> int:
    """Append the set that begins at `index`; the index after it."""
    closing = pattern.find("]", index + 2)
    if closing < 0:
        raise RenderError(f"glob pattern {pattern!r} has a [ that is never closed")
    inside = pattern[index + 1 : closing]
    negated = inside[:1] in ("!", "^")
    inside = inside[negated:]
    ranges = []
    while inside:
        wide = len(inside) > 2 and inside[1] == "-"
        ranges.append((inside[0], inside[2 if wide else 0]))
        inside = inside[3 if wide else 1 :]
    tokens.append(_Set(tuple(ranges), negated))
    return closing + 1


def _run(tokens: Sequence[_Token], text: str) -> bool:
    """All places in the pattern where the text so far can have led, character by character."""
    places = _closure(tokens, {0})
    for char in text:
        following: set[int] = set()
        for place in places:
            if place < len(tokens) and _accepts(tokens[place], char):
                token = tokens[place]
                following.add(place if isinstance(token, _Any) and token.many else place + 1)
        if not following:
            return False
        places = _closure(tokens, following)
    return len(tokens) in places


def _closure(tokens: Sequence[_Token], places: set[int]) -> set[int]:
    """`places`, and those behind a `*` that matches nothing."""
    reached: set[int] = set()
    for place in places:
        here = place
        reached.add(here)
        while here < len(tokens):
            token = tokens[here]
            if not (isinstance(token, _Any) and token.many):
                break
            here += 1
            reached.add(here)
    return reached


def _accepts(token: _Token, char: str) -> bool:
    match token:
        case _Any():
            return True
        case _Set(ranges=ranges, negated=negated):
            return any(low <= char <= high for low, high in ranges) != negated
        case _:
            return token == char
