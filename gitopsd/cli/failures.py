"""Errors of the commands themselves."""

from __future__ import annotations

from gitopsd.core.errors import GitopsdError


class BadInputError(GitopsdError):
    """A file or a value that the person named cannot be used; the exit code is that of wrong usage."""


class OutputError(GitopsdError):
    """Standard output takes no more."""


class DaemonError(GitopsdError):
    """The daemon cannot be asked, or refused."""


class NoDaemonError(DaemonError):
    """No daemon answers where it was looked for."""
