"""Tables: coloured on a terminal, plain columns with two spaces between them where a program reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gitopsd.cli.output import is_terminal, write
from gitopsd.cli.visible import visible

_COLOURS = {
    "Synced": "green",
    "OutOfSync": "yellow",
    "Healthy": "green",
    "Progressing": "cyan",
    "Suspended": "blue",
    "Missing": "yellow",
    "Degraded": "red",
    "Unknown": "magenta",
    "Succeeded": "green",
    "Successful": "green",
    "Failed": "red",
    "Error": "red",
    "Running": "cyan",
}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `columns`; the last column is the one that may be long. Cells are foreign text."""
    shown = [[visible(cell) for cell in row] for row in rows]
    if is_terminal(sys.stdout):
        _coloured(columns, shown)
    else:
        write(plain(columns, shown))


def plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, without what would be only spaces at the end of a line."""
    everything = [columns, *rows]
    widths = [max(len(row[index]) for row in everything) for index in range(len(columns))]
    texts = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in everything)
    return "".join(f"{text.rstrip()}\n" for text in texts)


def _coloured(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        last = column == columns[-1]
        made.add_column(column, no_wrap=not last, overflow="fold")
    for row in rows:
        # Text, not markup: brackets in a message are a message's.
        made.add_row(*(Text(cell, _COLOURS.get(cell, "")) for cell in row))
    console = Console()
    with console.capture() as capture:
        console.print(made)
    write(capture.get())
