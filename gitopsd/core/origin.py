"""Where revisions come from, as one text: the key by which everything else speaks of a repository.

A git repository's origin is its URL, an OCI artifact's `oci://HOST/REPOSITORY`. A chart of a Helm repository is
`helm+URL#CHART`, a single file on the web `file+URL`. Only this module puts them together and takes them apart.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

_HELM = "helm+"
_FILE = "file+"
OCI = "oci://"
SHORT_REVISION = 7


class OriginKind(enum.StrEnum):
    """What has to be asked for revisions."""

    GIT = "git"
    HELM = "helm"
    OCI = "oci"
    FILE = "file"


class Origin(NamedTuple):
    """An origin in parts; `chart` is empty but for `HELM`."""

    kind: OriginKind
    url: str
    chart: str = ""

    def __str__(self) -> str:
        match self.kind:
            case OriginKind.HELM:
                return f"{_HELM}{self.url}#{self.chart}"
            case OriginKind.FILE:
                return f"{_FILE}{self.url}"
            case _:
                return self.url


def chart_origin(url: str, chart: str) -> str:
    """The chart `chart` of the Helm repository or OCI registry at `url`.

    An OCI registry may be written without its scheme, as Argo CD's users do (`registry.example.org/charts`): whatever
    is neither http nor https is one.
    """
    if url.startswith(("https://", "http://")):
        return str(Origin(OriginKind.HELM, url.rstrip("/"), chart))
    return f"{OCI}{url.removeprefix(OCI).rstrip('/')}/{chart}"


def file_origin(url: str) -> str:
    """The file at an http(s) URL."""
    return str(Origin(OriginKind.FILE, url))


def short_revision(revision: str) -> str:
    """What people know a revision by: a chart's version, the beginning of a commit's or an artifact's digest."""
    version, has_digest, _ = revision.partition("@sha256:")
    return version if has_digest else revision.removeprefix("sha256:")[:SHORT_REVISION]


def parse_origin(origin: str) -> Origin:
    """Take an origin apart; whatever has no mark of its own is a git repository."""
    if origin.startswith(_HELM):
        url, _, chart = origin.removeprefix(_HELM).rpartition("#")
        return Origin(OriginKind.HELM, url, chart)
    if origin.startswith(OCI):
        return Origin(OriginKind.OCI, origin)
    if origin.startswith(_FILE) and not origin.startswith("file://"):
        return Origin(OriginKind.FILE, origin.removeprefix(_FILE))
    return Origin(OriginKind.GIT, origin)
