"""A source of an application in answers."""

from __future__ import annotations

from pydantic import Field

from gitopsd.core.app import Source
from gitopsd.core.errors import shown_url
from gitopsd.web.models.model import Model


class SourceAnswer(Model):
    """Where manifests come from. The renderer's options stay out: they may hold passwords."""

    repo_url: str = Field(alias="repoURL")
    chart: str
    """Of the Helm repository or registry `repoURL`; "" for a folder."""
    path: str
    target_revision: str
    renderer: str

    @classmethod
    def of(cls, source: Source) -> SourceAnswer:
        """From the core's value, without credentials in the URL."""
        return cls(
            repo_url=shown_url(source.repo_url),
            chart=source.chart,
            path=source.path,
            target_revision=source.target_revision,
            renderer=source.renderer,
        )
