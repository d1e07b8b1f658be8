"""A renderer that somebody else could have written: one object on each line of objects.jsonl."""

import json
from pathlib import Path

from gitopsd.plugin import Manifest, Position, Read, ReadKind, RenderRequest, RenderResult, hookimpl


class JsonLines:
    name = "json-lines"
    markers = ("objects.jsonl",)

    async def render(self, request: RenderRequest) -> RenderResult:
        file = f"{request.path}/objects.jsonl"
        lines = (Path(request.root) / file).read_text().splitlines()
        found = [Manifest(json.loads(line), Position(file, number)) for number, line in enumerate(lines, 1)]
        return RenderResult(tuple(found), (Read(file, ReadKind.FILE),))


@hookimpl
def gitopsd_renderers(engine: object) -> list[JsonLines]:
    return [JsonLines()]
