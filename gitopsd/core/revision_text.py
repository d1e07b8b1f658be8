"""What strangers wrote about a revision, made fit to be kept and shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from gitopsd.core.history import RevisionInfo

LONGEST_AUTHOR: Final = 200
LONGEST_MESSAGE: Final = 500
MOST_TAGS: Final = 20


def revision_info(
    author: str = "", date: datetime | None = None, message: str = "", tags: Iterable[str] = ()
) -> RevisionInfo:
    """The texts on one line each and cut (in characters), of the message the first line that says something.

    What cannot be seen goes: control characters, and those that turn the direction of writing. At most `MOST_TAGS` tags
    are named, in order.
    """
    lines = (line for line in message[: 4 * LONGEST_MESSAGE].splitlines() if line.strip())
    named = sorted({shown for tag in tags if (shown := one_line(tag, LONGEST_AUTHOR))})
    return RevisionInfo(
        author=one_line(author, LONGEST_AUTHOR),
        date=date,
        message=one_line(next(lines, ""), LONGEST_MESSAGE),
        tags=tuple(named[:MOST_TAGS]),
    )


def one_line(text: str, longest: int) -> str:
    """`text` without what cannot be seen, at most `longest` characters, the last one … where it was cut."""
    text = text[: 4 * longest]
    seen = "".join(letter if letter.isprintable() else " " if letter.isspace() else "" for letter in text).strip()
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"


def moment_of(seconds: int) -> datetime | None:
    """A time of git's (seconds since 1970), in UTC; None for what is no time: anybody can write any number there."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def moment_in(text: str) -> datetime | None:
    """A time as RFC 3339 writes it, in UTC; None for anything else, and for a time without a zone."""
    try:
        found = datetime.fromisoformat(text[:64])
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
