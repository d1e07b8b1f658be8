"""Pages that lead through something are walked through on a real API server."""

from __future__ import annotations

from pathlib import Path

from gitopsd.testing.kubelet import FakeKubelet
from tests.docs.walk import Walk


async def test_getting_started_leads_to_a_synced_application_and_back(
    reader: dict[str, str], places: dict[str, str], kubelet: FakeKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    assert await Walk("docs/getting-started.md", folder, reader, places).through() > 12


async def test_a_plugin_is_built_tested_installed_and_used_by_an_application(
    reader: dict[str, str], places: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    # No index is asked: the build backend is the one that is installed here.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    assert await Walk("docs/writing-a-plugin.md", folder, {**reader, **offline}, places).through() > 15
