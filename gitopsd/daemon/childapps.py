"""Applications out of manifests, by the configuration in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitopsd.config import Config, ConfigErrors, child_application
from gitopsd.core.app import AppSpec
from gitopsd.core.errors import SpecError
from gitopsd.core.manifest import Manifest

if TYPE_CHECKING:
    from gitopsd.ports.applications import ReadApplication


class ManifestReader:
    """`ports.ReadApplication`; `config` gives the configuration of the moment."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config

    def read(self, manifest: Manifest) -> AppSpec:
        """The application. Raises `SpecError` with all that is wrong with it."""
        try:
            return child_application(manifest, self._config().surroundings)
        except ConfigErrors as error:
            raise SpecError(
                f"application {manifest.name[:253]} cannot be used",
                why="; ".join(str(one) for one in error.errors),
                hint="correct the manifest in git",
            ) from None


if TYPE_CHECKING:

    def _reads(reader: ManifestReader) -> ReadApplication:
        return reader
