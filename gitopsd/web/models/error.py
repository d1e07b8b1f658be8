"""The shape of errors, for the API's description; `gitopsd.web.problem` writes them."""

from __future__ import annotations

from pydantic import Field

from gitopsd.web.models.model import Model


class ErrorDetail(Model):
    """What happened, where, why, and what to do next; `code` is for programs."""

    what: str
    where: str
    why: str
    hint: str
    code: str = Field(
        description="not-found, invalid, in-progress, plan-changed, blocked, too-large, busy, internal, …"
    )


class ErrorAnswer(Model):
    """An error."""

    error: ErrorDetail
