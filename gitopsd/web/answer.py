"""From a response model to bytes."""

from __future__ import annotations

import json

from pydantic_core import PydanticSerializationError
from starlette.responses import Response

from gitopsd.web.models.model import Model
from gitopsd.web.problem import JSON


def encoded(model: Model) -> bytes:
    """JSON in UTF-8. Foreign texts may hold what UTF-8 cannot (lone surrogates): such characters become `?`."""
    try:
        return model.model_dump_json(by_alias=True).encode()
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(model.model_dump(mode="python", by_alias=True), ensure_ascii=False, default=str).encode(
            "utf-8", "replace"
        )


def answer(body: Model | bytes, status: int = 200) -> Response:
    """A JSON response; the only way for a route to give one, so that nothing but a response model gets out (S6)."""
    return Response(body if isinstance(body, bytes) else encoded(body), status_code=status, media_type=JSON)
