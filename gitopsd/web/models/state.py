"""Small answers about the daemon itself."""

from __future__ import annotations

from gitopsd.web.models.model import Model


class Alive(Model):
    """`ok`, or `failed` where the daemon has to be started anew; the reason is told to the unix socket alone."""

    status: str = "ok"
    reason: str = ""


class Readiness(Model):
    """Whether the daemon does its work; the reason is told to the unix socket alone."""

    ready: bool
    reason: str = ""


class Version(Model):
    """Which gitopsd this is."""

    version: str
