"""What was done, held against what the model says."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tests.model.driver import Happened
from tests.model.expected import PUT, Expected, Rank


def assert_all_written(found: Sequence[tuple[str, str]], wanted: Expected, *, repeats: Iterable[str] = ()) -> None:
    """Exactly what the model says was written; what is in `repeats` may have been applied more often."""
    again = set(repeats)
    counted = Counter(found)
    for write in {(PUT, name) for name in again} & counted.keys():
        counted[write] = 1
    said = Counter((item.verb, item.name) for item in wanted.writes)
    assert counted == said, f"too much {counted - said}, not enough {said - counted}"


def ranked(found: Sequence[tuple[str, str]], wanted: Expected) -> list[Rank]:
    """The rank of each write that was done; one that is repeated has that of its last."""
    ranks: dict[tuple[str, str], list[Rank]] = defaultdict(list)
    for item in wanted.writes:
        ranks[item.verb, item.name].append(item.rank)
    for each in ranks.values():
        each.sort(reverse=True)
    return [ranks[write].pop() if len(ranks[write]) > 1 else ranks[write][0] for write in found]


def assert_in_order(found: Sequence[tuple[str, str]], wanted: Expected) -> None:
    """Phase by phase, wave by wave, kind by kind."""
    ranks = ranked(found, wanted)
    for number, (before, after) in enumerate(itertools.pairwise(ranks)):
        assert before <= after, f"{found[number]} ({before}) was before {found[number + 1]} ({after})"


def assert_waited(found: Sequence[tuple[str, str]], happened: Sequence[Happened], wanted: Expected) -> None:
    """Nothing of a stage before what the one before it waits for had happened."""
    ranks = ranked(found, wanted)
    for stage, names in wanted.awaited.items():
        later = [at for at, rank in enumerate(ranks) if rank.stage > stage]
        for name in names if later else ():
            mine = [at for at, write in enumerate(found) if write == (PUT, name) and ranks[at].stage == stage]
            assert mine, f"{name} was not written at stage {stage}"
            news = [item.writes for item in happened if item.name == name and item.writes > mine[-1]]
            assert news, f"nothing became of {name}, and stage {stage} was left"
            assert news[0] <= later[0], f"{found[later[0]]} did not wait for {name}"
