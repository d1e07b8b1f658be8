"""What all models share: exact types, no unknown keys, nulls that mean "not set", and the field types of our own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gitopsd.config.quantity import EXPECTED as EXPECTED_MEMORY
from gitopsd.config.quantity import parse_memory
from gitopsd.config.references import BadReferenceError, References
from gitopsd.config.share import EXPECTED as EXPECTED_SHARE
from gitopsd.config.share import parse_share
from gitopsd.core.duration import EXPECTED as EXPECTED_DURATION
from gitopsd.core.duration import parse_duration
from gitopsd.core.secret import Secret

T = TypeVar("T")

REFUSED = "refused"
"""The type of the errors that our own validators raise; their context has `why` and `hint`."""


class StrictModel(BaseModel):
    """A mapping whose keys are all known. A known key without a value counts as absent, as in Kubernetes."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = known_keys(cls)
        return {key: item for key, item in value.items() if item is not None or key not in known}


@cache
def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a model as they stand in YAML, sorted."""
    return tuple(sorted(info.alias or name for name, info in model.model_fields.items()))


def refused(why: str, hint: str = "") -> PydanticCustomError:
    """The error for a validator to raise. `why` says what was expected and never quotes what could be a secret."""
    return PydanticCustomError(REFUSED, "refused", {"why": why, "hint": hint})


def _checked(parse: Callable[[object], T]) -> Callable[[object], T]:
    def check(value: object) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise refused(str(error)) from None

    return check


def _following(follow: Callable[[References, object], T]) -> Callable[[object, ValidationInfo], T]:
    def check(value: object, info: ValidationInfo) -> T:
        references = info.context
        if not isinstance(references, References):
            raise TypeError("models with references are validated with References as their context")
        try:
            return follow(references, value)
        except BadReferenceError as problem:
            raise refused(problem.why, problem.hint) from None

    return check


def _text(references: References, value: object) -> str:
    if not isinstance(value, str):
        raise BadReferenceError("expected a string", "" if isinstance(value, (list, dict)) else "quotes around it")
    return references.expand(value)


def _text_or_file(references: References, value: object, *, secret: bool = False) -> str:
    if isinstance(value, str):
        return references.expand(value)
    if isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str):
        return references.value(value["file"], secret=secret)
    if isinstance(value, dict) and set(value) == {"credential"} and isinstance(value["credential"], str):
        return references.credential(value["credential"])
    if isinstance(value, (list, dict)):
        raise BadReferenceError("expected a string, {file: PATH} or {credential: NAME}")
    raise BadReferenceError("expected a string, {file: PATH} or {credential: NAME}", "quotes around it")


def _secret(references: References, value: object) -> Secret:
    text = _text_or_file(references, value, secret=True)
    if not text:
        raise BadReferenceError("expected a value: it is empty")
    return Secret(text)


def _pem(references: References, value: object, *, secret: bool = False) -> str:
    text = _text_or_file(references, value, secret=secret)
    if "-----BEGIN " not in text:
        raise BadReferenceError("expected PEM: -----BEGIN …", "{file: PATH}, if it is a path")
    return text


def _pem_secret(references: References, value: object) -> Secret:
    return Secret(_pem(references, value, secret=True))


def _path(references: References, value: object) -> str:
    if not isinstance(value, str):
        raise BadReferenceError("expected a path")
    return references.path(value)


def _plain_path(references: References, value: object) -> str:
    if not isinstance(value, str):
        raise BadReferenceError("expected a path")
    return references.plain_path(value)


def _empty_for_null(value: object) -> object:
    return {key: "" if item is None else item for key, item in value.items()} if isinstance(value, dict) else value


_FILE_SCHEMA = {
    "type": "object",
    "properties": {"file": {"type": "string"}},
    "required": ["file"],
    "additionalProperties": False,
}

_CREDENTIAL_SCHEMA = {
    "type": "object",
    "properties": {"credential": {"type": "string"}},
    "required": ["credential"],
    "additionalProperties": False,
}

_ELSEWHERE = {"anyOf": [{"type": "string"}, _FILE_SCHEMA, _CREDENTIAL_SCHEMA]}

Seconds = Annotated[
    float,
    PlainValidator(_checked(parse_duration)),
    WithJsonSchema(
        {"type": ["string", "number"], "examples": ["30s", "3m", "1h30m"], "description": EXPECTED_DURATION}
    ),
]
"""A duration, in seconds."""

MemoryBytes = Annotated[
    int,
    PlainValidator(_checked(parse_memory)),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["512Mi", "1Gi"], "description": EXPECTED_MEMORY}),
]
"""An amount of memory, in bytes."""

Share = Annotated[
    float,
    PlainValidator(_checked(parse_share)),
    WithJsonSchema({"type": ["string", "number"], "examples": ["50%", 0.5], "description": EXPECTED_SHARE}),
]
"""A share, from 0 to 1."""

Expanded = Annotated[str, PlainValidator(_following(_text)), WithJsonSchema({"type": "string"})]
"""A string in which `${NAME}` is an environment variable."""

ExpandedPath = Annotated[str, PlainValidator(_following(_path)), WithJsonSchema({"type": "string"})]
"""A path, absolute after validation, in which `${NAME}` is an environment variable."""

FilePath = Annotated[str, PlainValidator(_following(_plain_path)), WithJsonSchema({"type": "string"})]
"""A path, absolute after validation."""

TextOrFile = Annotated[str, PlainValidator(_following(_text_or_file)), WithJsonSchema(_ELSEWHERE)]
"""Text, or the content of a file or of a systemd credential."""

SecretOrFile = Annotated[
    Secret,
    PlainValidator(_following(_secret)),
    WithJsonSchema({**_ELSEWHERE, "writeOnly": True}),
]
"""A secret, or the file or systemd credential that holds it."""

Pem = Annotated[str, PlainValidator(_following(_pem)), WithJsonSchema(_ELSEWHERE)]
"""Certificates in PEM, or the file that holds them."""

PemSecret = Annotated[
    Secret,
    PlainValidator(_following(_pem_secret)),
    WithJsonSchema({**_ELSEWHERE, "writeOnly": True}),
]
"""A private key in PEM (OpenSSH's own form too), or the file that holds it."""

StringMap = Annotated[dict[str, str], BeforeValidator(_empty_for_null)]
"""Labels, annotations: strings to strings; a key without a value has an empty one, as in Kubernetes."""
