"""Two lists of objects, ours and the official program's, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, text
from tests.differential.case import Case, Outcome, Tool

_SHOWN: Final = 300
# kubectl puts objects without a namespace into that of its kubeconfig.
_DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one side made of a case: objects in their order, or an error's words."""

    objects: Sequence[JsonObject] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` is "" where the case shows what it has to."""

    case: Case
    problem: str


def judge(case: Case, ours: Rendered, official: Rendered) -> Verdict:
    """Compare the two as the case's outcome demands."""
    return Verdict(case, _problem(case, ours, official))


def _problem(case: Case, ours: Rendered, official: Rendered) -> str:
    refusals = {
        Outcome.EQUAL: (False, False),
        Outcome.REFUSED: (True, True),
        Outcome.STRICTER: (True, False),
        Outcome.MORE: (False, True),
    }
    if (bool(ours.error), bool(official.error)) != refusals[case.outcome]:
        return f"ours: {ours.error or 'renders'}; official: {official.error or 'renders'}"
    return "; ".join(_differences(case, ours.objects, official.objects)) if case.outcome is Outcome.EQUAL else ""


def _differences(case: Case, ours: Sequence[JsonObject], official: Sequence[JsonObject]) -> Iterator[str]:
    if case.tool is Tool.PLAIN:
        ours, official = [_placed(each) for each in ours], [_placed(each) for each in official]
    if [_title(each) for each in ours] != [_title(each) for each in official]:
        yield f"other objects: ours {[_title(each) for each in ours]}, official {[_title(each) for each in official]}"
        return
    for mine, theirs in zip(ours, official, strict=True):
        for where, left, right in differences(mine, theirs):
            yield f"{_title(mine)} {where}: ours {_short(left)}, official {_short(right)}"


def differences(ours: object, official: object, where: str = "") -> Iterator[tuple[str, object, object]]:
    """Every place at which two JSON values differ: its path, and both values.

    Whole numbers and others are not equal: `replicas: 1.0` is no number of replicas to the API server.
    """
    if isinstance(ours, Mapping) and isinstance(official, Mapping):
        for key in sorted({*ours, *official}):
            yield from differences(ours.get(key, _GONE), official.get(key, _GONE), f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(official, list) and len(ours) == len(official):
        for index, (left, right) in enumerate(zip(ours, official, strict=True)):
            yield from differences(left, right, f"{where}[{index}]")
    elif type(_number(ours)) is not type(_number(official)) or _number(ours) != _number(official):
        yield where, ours, official


def _number(value: object) -> object:
    """Python's parsers differ in what they make of whole numbers beyond 64 bits, which are floats to Kubernetes."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        return float(value)
    return value


class _Gone:
    def __repr__(self) -> str:
        return "nothing"


_GONE: Final = _Gone()


def _placed(found: JsonObject) -> JsonObject:
    metadata = found.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("namespace") == _DEFAULT_NAMESPACE:
        metadata = {key: value for key, value in metadata.items() if key != "namespace"}
        return {**found, "metadata": metadata}
    return found


def _title(found: JsonObject) -> str:
    name = text(found, "metadata", "name") or text(found, "metadata", "generateName")
    return f"{text(found, 'kind')}/{name}"


def _short(value: object) -> str:
    return repr(value)[:_SHOWN]
