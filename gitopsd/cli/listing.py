"""Lists of the API as tables: of clusters, of repositories."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.output import ListFormat, data, note
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, objects


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: the API's `path`, the columns (`wide` ones before the last), and how a row is made of an item."""

    path: str
    columns: Sequence[str]
    wide: Sequence[str]
    last: str
    row: Callable[[JsonObject, bool], list[str]]
    nothing: str

    def show(self, output: ListFormat | None, socket: str, config: str) -> None:
        """Ask the daemon behind `socket` (or of `config`) and print."""
        items = objects(Api(find_socket(socket, config, os.environ)).get(self.path).body, "items")
        if output is not None and output is not ListFormat.WIDE:
            data(items, output)
            return
        if not items:
            note(self.nothing)
            return
        is_wide = output is ListFormat.WIDE
        columns = [*self.columns, *(self.wide if is_wide else ()), self.last]
        table(columns, [self.row(item, is_wide) for item in items])
