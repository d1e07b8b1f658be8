"""A short storm over a few applications; `make soak` has the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster_fixture import ApiServer
from tests.long.ground import standing_on
from tests.soak.soak import Size, soak


@pytest.mark.timeout(300)
async def test_after_a_storm_all_is_as_git_says_and_nothing_of_others_was_touched(
    api_server: ApiServer, tmp_path: Path
) -> None:
    async with standing_on(api_server, tmp_path) as ground:
        report = await soak(ground, 7, Size(12, apps=10, repos=2, namespaces=3, calm=60))
        assert not report.problems, str(report)
        assert report.counts["kill -9"], str(report)
