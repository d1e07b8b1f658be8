"""Errors of the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitopsd.core.errors import GitopsdError

if TYPE_CHECKING:
    from gitopsd.core.jsonvalue import JsonObject


class BadInputError(GitopsdError):
    """A file or a value that the person named cannot be used; the exit code is that of wrong usage."""


class OutputError(GitopsdError):
    """Standard output takes no more."""


class DaemonError(GitopsdError):
    """The daemon cannot be asked, or refused.

    `code` is its word for programs ("" if it said none), `answer` all that it answered.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        code: str = "",
        answer: JsonObject | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.code = code
        self.answer: JsonObject = answer or {}

    def said(self, *, where: str = "", why: str = "", hint: str = "") -> DaemonError:
        """The same, with these texts where it has none of its own."""
        return DaemonError(
            self.what,
            where=self.where or where,
            why=self.why or why,
            hint=self.hint or hint,
            code=self.code,
            answer=self.answer,
        )


class NoDaemonError(DaemonError):
    """No daemon answers where it was looked for."""


class DaemonGoneError(DaemonError):
    """The daemon went away, or was too busy, while it was asked."""
