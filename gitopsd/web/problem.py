"""The one shape of every error: `{"error": {"what", "where", "why", "hint", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gitopsd.core.errors import GitopsdError, OperationError

JSON: Final = "application/json"
_OPERATION: Final = {
    "NotFound": (404, "not-found"),
    "InProgress": (409, "in-progress"),
    "NothingInProgress": (409, "nothing-in-progress"),
    "PlanChanged": (409, "plan-changed"),
    "Blocked": (409, "blocked"),
    "Invalid": (400, "invalid"),
    "Forbidden": (403, "forbidden"),
    "Failed": (500, "failed"),
}


class Problem(Exception):  # noqa: N818  # named for what a caller gets (RFC 9457 calls it so)
    """An answer that is an error. `code` is for programs: `not-found`, `invalid`, …; the texts are for people.

    Nothing of the request comes back in it (X4), and nothing of an object.
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        self.headers = headers

    @classmethod
    def not_found(cls, what: str, hint: str = "") -> Problem:
        """404."""
        return cls(404, "not-found", what, hint=hint)

    @classmethod
    def invalid(cls, what: str, *, where: str, why: str = "", hint: str = "") -> Problem:
        """422: a part of the request has a value that it cannot have."""
        return cls(422, "invalid", what, where=where, why=why, hint=hint)

    @classmethod
    def of_operation(cls, error: OperationError) -> Problem:
        """An operation that was refused; the code is its reason."""
        status, code = _OPERATION.get(error.reason, (409, "refused"))
        return cls(status, code, error.what, where=error.where, why=error.why, hint=error.hint)

    def detail(self) -> dict[str, str]:
        """What stands under `error`."""
        error = {"what": self.what, "where": self.where, "why": self.why, "hint": self.hint, "code": self.code}
        return {key: _clean(text) for key, text in error.items()}

    def response(self) -> Response:
        """The answer itself."""
        return Response(
            orjson.dumps({"error": self.detail()}),
            status_code=self.status,
            media_type=JSON,
            headers=self.headers,
        )


INTERNAL: Final = Problem(
    500, "internal", "something went wrong inside of gitopsd", hint="see its log; please report it as a bug"
)


async def on_problem(_request: Request, error: Exception) -> Response:
    """For `Problem`s."""
    return error.response() if isinstance(error, Problem) else INTERNAL.response()


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """For what the router refuses: no such route, wrong method."""
    if not isinstance(error, HTTPException):
        return INTERNAL.response()
    match error.status_code:
        case 404:
            return Problem.not_found("there is no such route").response()
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return Problem(
                405,
                "method-not-allowed",
                "this route does not know that method",
                hint=f"use {allowed}" if allowed else "",
                headers=error.headers,
            ).response()
        case status:
            return Problem(status, "refused", "the request was refused", headers=error.headers).response()


async def on_invalid_request(_request: Request, error: Exception) -> Response:
    """For parameters that do not fit; all of them are named."""
    if not isinstance(error, RequestValidationError):
        return INTERNAL.response()
    faults = error.errors()
    return Problem.invalid(
        "the request has parameters that do not fit",
        where=", ".join(dict.fromkeys(_place(fault.get("loc", ())) for fault in faults)),
        why="; ".join(f"{_place(fault.get('loc', ()))}: {_reason(fault)}" for fault in faults),
        hint="correct these parameters, or leave them out",
    ).response()


async def on_gitopsd_error(_request: Request, error: Exception) -> Response:
    """For errors of ours, whose texts are made to be shown."""
    if not isinstance(error, GitopsdError):
        return INTERNAL.response()
    if isinstance(error, OperationError):
        return Problem.of_operation(error).response()
    status, code = (503, "unavailable") if error.retryable else (500, "failed")
    return Problem(status, code, error.what, where=error.where, why=error.why, hint=error.hint).response()


def _place(location: Sequence[object]) -> str:
    """`query.limit`. The name of an unknown parameter is the caller's text: out it stays unless it looks like one."""
    parts = (part[:64] for part in map(str, location) if part.isascii())
    return ".".join(part for part in parts if part.isidentifier() or part.isdigit())


def _reason(fault: Mapping[str, object]) -> str:
    if fault.get("type") == "extra_forbidden":
        return "no such parameter"
    message = fault.get("msg", "")
    return message if isinstance(message, str) else ""


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
