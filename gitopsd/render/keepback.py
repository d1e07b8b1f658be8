"""What a failed render may say when encrypted files went into it: nothing that they held (S8)."""

from __future__ import annotations

import anyio
import anyio.to_thread

from gitopsd.core.errors import GitopsdError
from gitopsd.render.supplies import RecordingSupply


async def mask_error(error: GitopsdError, supply: RecordingSupply | None) -> None:
    """Take from the error what was decrypted for the render, and the errors that led to it: nobody masked those."""
    if supply is None or not supply.asker.hidden:
        return
    texts = (error.what, error.where, error.why, error.hint)
    error.what, error.where, error.why, error.hint = await _masked(texts, supply)
    error.args = (error.what,)
    error.__cause__ = error.__context__ = None


async def masked_warnings(warnings: tuple[str, ...], supply: RecordingSupply | None) -> tuple[str, ...]:
    """The warnings without what was decrypted for the render."""
    if supply is None or not supply.asker.hidden or not warnings:
        return warnings
    return await _masked(warnings, supply)


async def _masked(texts: tuple[str, ...], supply: RecordingSupply) -> tuple[str, ...]:
    return await anyio.to_thread.run_sync(
        lambda: tuple(supply.masked(each) for each in texts), limiter=anyio.CapacityLimiter(1)
    )
