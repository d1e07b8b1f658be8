"""Values against models; what does not fit is said plainly, with its place and key path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.strict import REFUSED, known_keys
from gitopsd.config.references import References
from gitopsd.core.jsonvalue import JsonValue

_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a mapping"),
)

M = TypeVar("M", bound=BaseModel)

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", re.ASCII)
_EXPECTED = {
    "string_type": "expected a string",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
}


def validate(
    model: type[M],
    value: JsonValue,
    document: Document,
    path: KeyPath,
    problems: Problems,
    *,
    references: References | None = None,
) -> M | None:
    """`value`, which stands at `path` of `document`, as `model`; None after noting everything that does not fit."""
    try:
        return model.model_validate(value, context=references)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    for detail in found:
        _note(model, detail, document, path, problems)
    return None


def shown_path(path: KeyPath) -> str:
    """A key path as people write it: `applications[2].syncPolicy.automated`, `labels["a.b/c"]`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            shown += f".{step}" if shown else step
        else:
            shown += f'["{_shortened(step)}"]'
    return shown or "the file"


def _shortened(text: str) -> str:
    printable = "".join(character if character.isprintable() else "�" for character in text[:80])
    return printable + "…" if len(text) > 80 else printable


def nearest(name: str, known: tuple[str, ...]) -> str:
    """The known name that `name` is probably a slip of, "" if none is near."""
    lowered = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower()[:80], list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else ""


def _note(model: type[BaseModel], detail: ErrorDetails, document: Document, path: KeyPath, problems: Problems) -> None:
    location = detail["loc"]
    full = path + location
    shown = shown_path(full)
    kind = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        _note_unknown(model, location, document, path, problems)
    elif kind == "missing":
        problems.add(document.position(full[:-1]), f"{shown} is missing", why="it is required")
    elif kind in _EXPECTED:
        what, hint = _given(document, full, kind)
        problems.add(document.position(full), f"{shown} is {what}", why=_EXPECTED[kind], hint=hint)
    elif kind == "literal_error":
        problems.add(document.position(full), f"{shown} cannot be used", why=f"expected {_literals(context)}")
    elif kind == REFUSED:
        problems.add(document.position(full), f"{shown} cannot be used", why=context["why"], hint=context["hint"])
    else:
        problems.add(document.position(full), f"{shown} cannot be used", why=_reworded(detail, context))


def _note_unknown(
    model: type[BaseModel], location: tuple[str | int, ...], document: Document, path: KeyPath, problems: Problems
) -> None:
    known = _known_at(model, location[:-1])
    name = str(location[-1])
    near = nearest(name, known)
    problems.add(
        document.position(path + location, key=True),
        f"unknown key {shown_path(path + location)}",
        why=f"expected one of {', '.join(known)}",
        hint=f"{near}, the nearest known key" if near else "",
    )


def _known_at(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    here: Any = model
    for step in location:
        if isinstance(step, str) and isinstance(here, type) and issubclass(here, BaseModel):
            fields = {info.alias or name: info.annotation for name, info in here.model_fields.items()}
            here = fields.get(step)
        here = _model_in(here)
    return known_keys(here) if isinstance(here, type) and issubclass(here, BaseModel) else ()


def _model_in(annotation: Any) -> Any:
    """The model inside of `list[Model]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _given(document: Document, path: KeyPath, kind: str) -> tuple[str, str]:
    """What stands there instead, in a word, and a hint."""
    value: JsonValue = document.value
    for step in path:
        match value:
            case dict() if isinstance(step, str):
                value = value.get(step)
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                return "of the wrong type", ""
    if isinstance(value, str):
        return "a string", "no quotes around it" if _unquoted_fits(value, kind) else ""
    for classes, name in _NAMES:
        if isinstance(value, classes):
            return name, "quotes around it" if kind == "string_type" and classes in {bool, int, float} else ""
    return "empty", ""


def _unquoted_fits(value: str, kind: str) -> bool:
    if kind == "bool_type":
        return value.lower() in {"true", "false"}
    return kind in {"int_type", "float_type"} and value.isdecimal()


def _literals(context: Mapping[str, Any]) -> str:
    listed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    return f"one of {listed}" if ", " in listed else listed


def _reworded(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    match detail["type"]:
        case "greater_than_equal":
            return f"expected {context['ge']:g} or more"
        case "less_than_equal":
            return f"expected {context['le']:g} or less"
        case "finite_number":
            return "expected a finite number"
        case "string_unicode":
            return "expected text"
        case _:
            return detail["msg"].replace("Input should be", "expected")
