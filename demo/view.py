"""The table of applications, from the daemon's API or from the answer of `run --once`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import orjson
from rich.table import Table
from rich.text import Text

from demo.place import Sample
from gitopsd.core.jsonvalue import JsonValue, mapping, objects, text, value

_PATH: Final = "/api/v1/applications"
_COLOURS: Final = {
    "Synced": "green",
    "OutOfSync": "yellow",
    "Healthy": "green",
    "Progressing": "cyan",
    "Degraded": "red",
    "Missing": "yellow",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One application as it is now."""

    name: str
    sync: str = "Unknown"
    health: str = "Unknown"
    message: str = ""

    def is_as_expected(self, sample: Sample) -> bool:
        """Whether it is in sync and as healthy as it is meant to be; whoever is not says why."""
        return (
            self.sync == "Synced" and self.health == sample.expected and bool(self.message or self.health == "Healthy")
        )


def rows(content: bytes) -> list[Row]:
    """The applications of a JSON answer: a list, or a list under `items` or `applications`. Raises `ValueError`."""
    parsed: JsonValue = orjson.loads(content)
    for key in ("items", "applications"):
        if isinstance(parsed, Mapping) and key in parsed:
            parsed = parsed[key]
    return [_row(each) for each in objects({"items": parsed}, "items")]


async def ask(socket: Path) -> list[Row]:
    """The applications of the running daemon; none while it does not answer."""
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd", timeout=5) as client:
            found = rows((await client.get(_PATH)).raise_for_status().content)
            return [await _explained(row, client) for row in found]
    except (httpx.HTTPError, ValueError):
        return []


async def _explained(row: Row, client: httpx.AsyncClient) -> Row:
    """With what the resources say, which is not in the list."""
    if row.health in ("Healthy", "Unknown"):
        return row
    answer = await client.get(f"{_PATH}/{row.name}")
    return _row(orjson.loads(answer.content)) if answer.status_code == 200 else row


def are_as_expected(found: Sequence[Row], samples: Mapping[str, Sample]) -> bool:
    """Whether every application is there and as it is meant to be."""
    by_name = {row.name: row for row in found}
    return all(name in by_name and by_name[name].is_as_expected(sample) for name, sample in samples.items())


def table(found: Sequence[Row], samples: Mapping[str, Sample]) -> Table:
    """All applications of the demo, those without news too."""
    by_name = {row.name: row for row in found}
    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "APPLICATION", "SHOWS", "SYNC", "HEALTH", "MESSAGE"):
        made.add_column(heading, overflow="fold" if heading == "MESSAGE" else "ellipsis")
    for name, sample in samples.items():
        row = by_name.get(name, Row(name))
        # Who mends what is broken on purpose has done well.
        good = row.is_as_expected(sample) or (row.sync, row.health) == ("Synced", "Healthy")
        mark = Text("✓", "green") if good else Text("…", "dim")
        made.add_row(
            mark, name, Text(sample.shows, "dim"), _coloured(row.sync), _coloured(row.health), Text(row.message)
        )
    return made


def _coloured(code: str) -> Text:
    return Text(code, _COLOURS.get(code, "dim"))


def _row(item: JsonValue) -> Row:
    """From a summary, or from an application in full."""
    summary = mapping(item, "summary") or item
    health, code = value(summary, "health"), _code(value(summary, "health"))
    causes = [
        text(each, "health", "message") for each in objects(item, "resources") if _code(value(each, "health")) == code
    ]
    errors = [text(each, "message") for each in objects(summary, "conditions")]
    said = [text(health, "message") or text(summary, "message")]
    messages = [] if code == "Healthy" else [each for each in causes if each] or said
    return Row(
        name=text(summary, "name"),
        sync=_code(value(summary, "sync")),
        health=code,
        message="; ".join(each for each in (*messages, *errors) if each),
    )


def _code(told: JsonValue) -> str:
    """A code that stands by itself or under `status`."""
    return told if isinstance(told, str) else text(told, "status") or "Unknown"
