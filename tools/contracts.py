"""Two contract types for import-linter: what a package may import at all, and who may import a library.

Both name what is allowed: a library or a room that nobody thought of is refused until someone decides where it belongs.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One import that a contract does not allow, and the lines where it stands."""

    importer: str
    imported: str
    lines: tuple[int, ...]

    def __str__(self) -> str:
        lines = ", ".join(f"l.{line}" for line in self.lines)
        return f"{self.importer} -> {self.imported} ({lines})"


class _ExternalImports(Contract):
    """What the two contracts share: they judge direct imports of packages that are not ours."""

    def render_broken_contract(self, check: ContractCheck) -> None:
        for breach in check.metadata["breaches"]:
            output.print_error(f"- {breach}")
        output.new_line()

    def verdict(self, graph: ImportGraph, broken: Iterable[tuple[str, str]]) -> ContractCheck:
        """Turn pairs of (importer, imported) into import-linter's answer."""
        breaches = sorted(
            Breach(
                importer,
                imported,
                tuple(
                    detail["line_number"] for detail in graph.get_import_details(importer=importer, imported=imported)
                ),
            )
            for importer, imported in broken
        )
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})


class OnlyContract(_ExternalImports):
    """`source` imports nothing but itself and the `allowed` top-level packages."""

    source = fields.StringField()
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return self.verdict(
            graph,
            (
                (importer, imported)
                for importer in _within(graph, str(self.source))
                for imported in graph.find_modules_directly_imported_by(importer)
                if graph.is_module_squashed(imported) and imported not in _strings(self.allowed)
            ),
        )


class DoorsContract(_ExternalImports):
    """Libraries are imported only in the rooms of `container` that `doors` names for them ("library: room room")."""

    container = fields.StringField()
    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        doors = dict(_door(line) for line in _strings(self.doors))
        container = str(self.container)
        return self.verdict(
            graph,
            (
                (importer, imported)
                for importer in _within(graph, container)
                for imported in graph.find_modules_directly_imported_by(importer)
                if graph.is_module_squashed(imported)
                and imported not in sys.stdlib_module_names
                and not doors.get(imported, frozenset()) & {EVERYWHERE, _room(importer, container)}
            ),
        )


def _within(graph: ImportGraph, package: str) -> Sequence[str]:
    return [package, *sorted(graph.find_descendants(package))]


def _room(module: str, container: str) -> str:
    return module.removeprefix(container).lstrip(".").partition(".")[0]


def _door(line: str) -> tuple[str, frozenset[str]]:
    library, colon, rooms = line.partition(":")
    if not colon:
        raise ValueError(f"a door reads 'library: room room', got {line!r}")
    return library.strip(), frozenset(rooms.split())


def _strings(values: object) -> Sequence[str]:
    if not isinstance(values, (set, frozenset, list, tuple)):
        raise TypeError(f"expected a list of names, got {values!r}")
    return [str(value) for value in values]
