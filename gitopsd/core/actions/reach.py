"""Which objects an application's actions reach (R1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gitopsd.core.live import LiveObject


def within_reach(
    ours: Collection[str], managed: Sequence[LiveObject], children: Callable[[Collection[str]], Sequence[LiveObject]]
) -> Sequence[LiveObject]:
    """What an application tracks of `managed`, and what is below that: `children` are all objects below uids, `ours`
    the application's name and the mark on its objects.

    Not among them: what nobody tracks (git may name an object that it was never let to apply), what is tracked as
    another application's or another installation's, and what is below such an object alone.
    """
    found = [live for live in managed if live.owner in ours and not (live.copied or live.foreign)]
    reached = {mark for live in found for mark in (live.uid, *live.aliases)}
    left = [
        live
        for live in children([live.uid for live in found])
        if live.uid not in reached and (not live.owner or live.owner in ours) and not live.foreign
    ]
    while below := [live for live in left if not reached.isdisjoint(live.owners)]:
        found += below
        reached.update(mark for live in below for mark in (live.uid, *live.aliases))
        left = [live for live in left if live.uid not in reached]
    return found
