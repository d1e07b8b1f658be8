"""One source, rendered by us and by the official program; and short ways to write its files down."""

from __future__ import annotations

import enum
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.core.jsonvalue import JsonObject

Content = str | bytes
Files = Mapping[str, Content]


class Tool(enum.StrEnum):
    """Which renderer, and with it which official program."""

    HELM = "helm"
    KUSTOMIZE = "kustomize"
    PLAIN = "plain"
    JSONNET = "jsonnet"


class Outcome(enum.StrEnum):
    """What the comparison has to show."""

    EQUAL = "equal"  # the same objects, in the same order
    REFUSED = "refused"  # both say no
    STRICTER = "stricter"  # the official program renders it; we refuse, and `why` says for what reason
    MORE = "more"  # the official program refuses it; we render it, and `why` says for what reason


@dataclass(frozen=True, slots=True)
class Case:
    """One source. `feature` is its row in the table, `options` the source's block for its renderer.

    `path` is the source's folder, `files` those of the whole repository. A content that begins with → is a link's
    target. `told` are the official program's arguments where they do not follow from the options; `{root}` in them is
    the repository, `{helm}` the official helm. `edits` are `kustomize edit …` commands that stand for the options.
    """

    feature: str
    name: str
    tool: Tool
    files: Files
    options: JsonObject = field(default_factory=dict)
    path: str = "app"
    outcome: Outcome = Outcome.EQUAL
    why: str = ""
    told: tuple[str, ...] = ()
    edits: tuple[tuple[str, ...], ...] = ()


def config_map(name: str, data: str = "a: b") -> str:
    """A ConfigMap as text; `data` is flow style or lines without indentation."""
    lines = "".join(f"  {line}\n" for line in data.splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}"


def chart(
    templates: Files, *, at: str = "app", values: str = "", meta: str = "", **more: Content
) -> dict[str, Content]:
    """A chart named as its folder. `templates` are below templates/, `more` beside Chart.yaml (`__` is a dot, `___` a
    slash).
    """
    name = at.rpartition("/")[2]
    keys = {line.partition(":")[0] for line in meta.splitlines()}
    defaults = {"apiVersion": "v2", "name": name, "version": "1.2.3"}
    head = "".join(f"{key}: {value}\n" for key, value in defaults.items() if key not in keys)
    files: dict[str, Content] = {f"{at}/Chart.yaml": head + meta}
    if values:
        files[f"{at}/values.yaml"] = values
    files.update({f"{at}/templates/{file}": text for file, text in templates.items()})
    files.update({f"{at}/{file.replace('___', '/').replace('__', '.')}": text for file, text in more.items()})
    return files


def packed(files: Files, folder: str) -> bytes:
    """The folder as a chart archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            if name.startswith(f"{folder}/"):
                data = content.encode() if isinstance(content, str) else content
                entry = tarfile.TarInfo(f"{folder.rpartition('/')[2]}/{name.removeprefix(f'{folder}/')}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def shows(expression: str, name: str = "shown") -> str:
    """A template of a ConfigMap whose `v` is what the expression gives, as JSON text."""
    return config_map(name, "v: {{ " + expression + " | toJson | quote }}")
