"""A profile on demand: where the running daemon's time goes, on the event loop and in the threads beside it."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from gitopsd.core.errors import OperationError
from gitopsd.daemon.sampling import INTERVAL, Sampler, Samples, Stack, by_thread
from gitopsd.ports.debugging import MOST_PROFILE_SECONDS, PROFILE_FORMS

if TYPE_CHECKING:
    from pyinstrument.session import Session

_SHOWN_FRAMES: Final = 4


class Profiler:
    """Makes one profile at a time."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(1)
        self._under_way = False

    async def profile(self, seconds: float, form: str) -> bytes:
        """See `ports.Debugging`. Has to be awaited on the loop that it is about."""
        if not 0 < seconds <= MOST_PROFILE_SECONDS:
            raise OperationError(
                "the profile cannot be made",
                reason="Invalid",
                why=f"it may last at most {MOST_PROFILE_SECONDS:g} s, and more than none",
            )
        if form not in PROFILE_FORMS:
            raise OperationError(
                "there is no such form of a profile", reason="Invalid", hint=f"use {', '.join(PROFILE_FORMS)}"
            )
        if self._under_way:
            raise OperationError("a profile is being made already", reason="InProgress", hint="wait until it is done")
        self._under_way = True
        sampler = Sampler(seconds, threading.get_ident())
        try:
            samples = await self._sampled(sampler)
            return await anyio.to_thread.run_sync(_written, samples, form, limiter=self._limiter)
        finally:
            self._under_way = False

    async def _sampled(self, sampler: Sampler) -> Samples:
        try:
            return await anyio.to_thread.run_sync(sampler.run, limiter=self._limiter, abandon_on_cancel=True)
        finally:
            sampler.stop()


def _written(samples: Samples, form: str) -> bytes:
    from pyinstrument.renderers import (  # noqa: PLC0415  # a tenth of a second, for something that is rarely asked for
        ConsoleRenderer,
        HTMLRenderer,
        SpeedscopeRenderer,
    )

    session = _session(samples)
    text: str
    if form == "html":
        text = HTMLRenderer().render(session)
    elif form == "speedscope":
        text = SpeedscopeRenderer(show_all=True).render(session)
    else:
        tree = ConsoleRenderer(unicode=True).render(session) if samples.seconds else ""
        text = "\n".join((*_summary(samples), tree, ""))
    return text.encode(errors="backslashreplace")


def _session(samples: Samples) -> Session:
    from pyinstrument.session import Session  # noqa: PLC0415  # rarely asked for, as above

    records: list[tuple[list[str], float]] = [
        ([f"{thread}\x00<thread>\x000", *stack], seconds)
        # Sorted, so that what begins alike stands together: the tree is made by joining neighbours.
        for (thread, stack), seconds in sorted(samples.seconds.items(), key=lambda item: item[0])
    ]
    return Session(
        frame_records=records,
        start_time=time.time() - samples.elapsed,
        duration=samples.elapsed,
        min_interval=INTERVAL,
        max_interval=INTERVAL,
        sample_count=samples.looks,
        start_call_stack=["\x00\x000"],
        target_description="gitopsd",
        cpu_time=samples.cpu,
        sys_path=sys.path,
        sys_prefixes=Session.current_sys_prefixes(),
    )


def _summary(samples: Samples) -> list[str]:
    elapsed = max(samples.elapsed, INTERVAL)
    cpu, idle = f"{samples.cpu:.2f} s of CPU", f"event loop idle {samples.idle / elapsed:.0%}"
    lines = [f"gitopsd for {samples.elapsed:.1f} s: {samples.looks} looks, {cpu}, {idle}"]
    lines += [f"  {thread}: busy {seconds:.2f} s" for thread, seconds in sorted(by_thread(samples).items())]
    if samples.left_out:
        lines.append(f"  {samples.left_out} looks at stacks beyond the {len(samples.seconds)} first ones are left out")
    if samples.stretches:
        lines.append("longest times in which the event loop did not wait once, and what it was in all the while:")
        lines += [f"  {each.seconds * 1000:.0f} ms  {_shown(each.stack)}" for each in samples.stretches]
    return [*lines, ""]


def _shown(stack: Stack) -> str:
    """The last frames, innermost at the end."""
    shown: list[str] = []
    for frame in stack[-_SHOWN_FRAMES:]:
        identifier, _, line = frame.partition("\x01l")
        function, file, _ = identifier.split("\x00")
        shown.append(f"{function} ({'/'.join(file.split('/')[-2:])}:{line})")
    return " > ".join(shown)
