"""A daemon that is killed in the middle of a sync, at some of the points that `make crash` tries all of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster_fixture import ApiServer
from tests.crash.run import Kill, run
from tests.crash.scenario import scenarios
from tests.crash.table import Tried, every_point, table, try_each, unsound
from tests.long.ground import standing_on

POINTS = {"waves": 2, "hooks": 3, "failing": 1}


@pytest.mark.parametrize("name", list(POINTS))
@pytest.mark.timeout(240)
async def test_killed_at_any_point_of_a_sync_it_goes_on_and_repeats_no_hook(
    name: str, api_server: ApiServer, tmp_path: Path
) -> None:
    async with standing_on(api_server, tmp_path) as ground:
        tried = Tried(name, await run(ground, name))
        assert not unsound(tried.calm, next(each.hooks for each in scenarios("example.org") if each.name == name))
        await try_each(ground, tried, _some(tried, POINTS[name]))
        assert tried.verdicts
        assert all(verdict.good for verdict in tried.verdicts), table([tried])


def _some(tried: Tried, count: int) -> list[Kill]:
    """So many points, evenly spread over all, without those that only read; and the last of the journal: it is over
    then, and nothing but the journal says so.
    """
    points = [kill for kill in every_point(tried.calm) if kill.where != "read"]
    step = len(points) // count
    return [*points[step // 2 :: step][:count], Kill("journal", tried.calm.points["journal"], after=True)]
