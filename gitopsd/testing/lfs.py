"""Git LFS's server side in memory, for `GitServer`: the batch API and the objects behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_TYPE: Final = "application/vnd.git-lfs+json"
_BATCH: Final = "/info/lfs/objects/batch"
_OBJECT: Final = "/info/lfs/objects/"


@dataclass
class LfsStore:
    """Objects by id. `elsewhere` (a URL) is where the batch API says that they are, `headers` what it says to send
    there; `lie` is given out instead of each object's content.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    elsewhere: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    lie: bytes | None = None
    batches: list[list[str]] = field(default_factory=list)

    def add(self, content: bytes) -> str:
        """Keep an object; the pointer file that stands for it."""
        oid = hashlib.sha256(content).hexdigest()
        self.objects[oid] = content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"

    def answer(self, path: str, base: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body for a request; `base` is the server's own URL."""
        if path.endswith(_BATCH):
            wanted = json.loads(body)["objects"]
            self.batches.append([item["oid"] for item in wanted])
            found = [self._item(item, f"{self.elsewhere or base}{path.removesuffix('batch')}") for item in wanted]
            return 200, {"Content-Type": _TYPE}, json.dumps({"transfer": "basic", "objects": found}).encode()
        content = self.objects.get(path.rpartition(_OBJECT)[2])
        if content is None:
            return 404, {}, b"no such object"
        return 200, {"Content-Type": "application/octet-stream"}, content if self.lie is None else self.lie

    def _item(self, item: Mapping[str, object], place: str) -> Mapping[str, object]:
        oid = str(item["oid"])
        if oid not in self.objects:
            return {**item, "error": {"code": 404, "message": "Object does not exist"}}
        return {**item, "actions": {"download": {"href": place + oid, "header": dict(self.headers)}}}
