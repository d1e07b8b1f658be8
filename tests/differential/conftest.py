"""The official programs, built by `python -m tools.gobuild originals`, and the cluster that kubectl asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster_fixture import ApiServer, api_server
from tests.differential.decoder import Decoder
from tests.differential.official import Official, missing

__all__ = ["api_server"]


@pytest.fixture(scope="session")
def official(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    """Give the programs; skip where nobody could build them, but never in CI."""
    lacking = missing()
    if lacking:
        assert not os.environ.get("CI"), f"not built: {lacking}; run `python -m tools.gobuild originals`"
        pytest.skip(f"not built: {', '.join(lacking)}; run `python -m tools.gobuild originals`")
    home: Path = tmp_path_factory.mktemp("home")
    with Decoder() as decoder:
        yield Official(home, decoder, api_server.kubeconfig)
