"""`Application` manifests that come from git, as applications."""

from __future__ import annotations

from typing import Protocol

from gitopsd.core.app import AppSpec
from gitopsd.core.manifest import Manifest


class ReadApplication(Protocol):
    """Reads by the same rules as the configuration's files are read, as they are in force now."""

    def read(self, manifest: Manifest) -> AppSpec:
        """The application. Raises `SpecError` with all that is wrong with it, each with its place."""
        ...
