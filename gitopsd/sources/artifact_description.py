"""What charts and artifacts say of themselves: who made them, when, and what they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

from gitopsd.core.errors import RenderError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonValue, objects, text
from gitopsd.core.revision_text import moment_in, revision_info
from gitopsd.plugin.yamltext import parse_yaml
from gitopsd.sources.names import safe_join

_PREFIX: Final = "org.opencontainers.image."
# One with hundreds of dependencies has less; reading more would take too long for what it is worth.
_MOST_BYTES: Final = 64 * 1024


def described_artifact(annotations: Mapping[str, str], tags: Iterable[str]) -> RevisionInfo:
    """From the annotations `org.opencontainers.image.*` of a manifest, and the tags that point at it.

    Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md.
    """
    said = {key.removeprefix(_PREFIX): value for key, value in annotations.items() if key.startswith(_PREFIX)}
    what = said.get("description") or said.get("title", "")
    message = _joined(what, said.get("url", ""))
    version = said.get("version", "")
    return revision_info(said.get("authors", ""), moment_in(said.get("created", "")), message, (version, *tags))


def described_chart(folder: str) -> RevisionInfo:
    """From the `Chart.yaml` of an unpacked chart: its maintainers, its description, `appVersion` and `home`, and its
    version as the tag. Empty where there is none, or none that can be read. Reads a file and may take a while.

    Source: https://helm.sh/docs/topics/charts/#the-chartyaml-file.
    """
    try:
        handle = os.open(safe_join(folder, "Chart.yaml"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        chart = parse_yaml(content.decode()) if len(content) <= _MOST_BYTES else None
    except (OSError, ValueError, RenderError):
        return RevisionInfo()
    by = ", ".join(_person(text(item, "name"), text(item, "email")) for item in objects(chart, "maintainers"))
    app = _scalar(chart, "appVersion")
    message = _joined(text(chart, "description"), app and f"app version {app}", text(chart, "home"))
    return revision_info(by, None, message, (_scalar(chart, "version"),))


def _person(name: str, mail: str) -> str:
    return f"{name} <{mail}>" if name and mail else name or mail


def _scalar(chart: JsonValue, key: str) -> str:
    """Versions are meant to be texts, and often look like numbers."""
    found = chart.get(key) if isinstance(chart, Mapping) else None
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def _joined(*parts: str) -> str:
    """The parts that say something, on one line: a description may have many."""
    return "; ".join(" ".join(part.split()) for part in parts if part.strip())
