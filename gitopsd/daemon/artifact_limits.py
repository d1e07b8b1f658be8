"""What the configuration says of fetches, in the sources room's terms."""

from __future__ import annotations

from gitopsd.config import Config
from gitopsd.sources.artifact_limits import ArtifactLimits


def artifact_limits(config: Config) -> ArtifactLimits:
    """What the configuration says of fetches."""
    settings = config.artifacts
    return ArtifactLimits(
        lookup_seconds=settings.timeout_seconds,
        pull_seconds=settings.fetch_timeout_seconds,
        index_bytes=settings.index_bytes,
        unpacked_bytes=settings.extracted_bytes,
        block_private=settings.block_private,
        token_hosts=settings.token_hosts,
    )
