"""Why a kind cannot be read, in lines for people: each begins with the kind and where, and says a reason once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.core.errors import ClusterError, beside
from gitopsd.core.ids import GroupKind
from gitopsd.core.unreadable import KindPlace

# How the API server's words and our hints name the namespace that a rule is missing in.
_NAMINGS: Final = ('in the namespace "{}"', "in namespace {}:")


def failing_lines(kind: GroupKind, errors: Mapping[str, ClusterError]) -> Sequence[str]:
    """Lines for the errors of `kind` by namespace ("" for one that is looked at everywhere). Those that differ in
    nothing but the namespace are one line, in the words of the first.
    """
    said: dict[str, tuple[str, list[str]]] = {}
    for namespace, error in errors.items():
        line = beside(str(kind), str(error))
        said.setdefault(_anywhere(line, namespace), (line, []))[1].append(namespace)
    return tuple(f"{_place(kind, namespaces)}: {line}" for line, namespaces in said.values())


def _anywhere(line: str, namespace: str) -> str:
    for naming in _NAMINGS if namespace else ():
        line = line.replace(naming.format(namespace), naming.format(""))
    return line


def _place(kind: GroupKind, namespaces: Sequence[str]) -> str:
    if len(namespaces) == 1:
        return str(KindPlace(kind, namespaces[0]))
    return f"{kind} in namespaces {', '.join(namespaces)}"
