"""What a failed render may say when encrypted files went into it: nothing that they held (S8)."""

from __future__ import annotations

import anyio
import anyio.to_thread

from gitopsd.core.errors import PluginError, RenderError
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.render.supplies import RecordingSupply


async def masked_error(error: RenderError | PluginError, supply: RecordingSupply | None) -> RenderError | PluginError:
    """The same error without what was decrypted for the render; the error itself where nothing was."""
    if supply is None or not supply.asker.hidden:
        return error
    what, where, why, hint = await _masked((error.what, error.where, error.why, error.hint), supply)
    if isinstance(error, TracedRenderError):
        return TracedRenderError(what, where=where, why=why, hint=hint, retryable=error.retryable, reads=error.reads)
    kind = PluginError if isinstance(error, PluginError) else RenderError
    return kind(what, where=where, why=why, hint=hint, retryable=error.retryable)


async def masked_warnings(warnings: tuple[str, ...], supply: RecordingSupply | None) -> tuple[str, ...]:
    """The warnings without what was decrypted for the render."""
    if supply is None or not supply.asker.hidden or not warnings:
        return warnings
    return await _masked(warnings, supply)


async def _masked(words: tuple[str, ...], supply: RecordingSupply) -> tuple[str, ...]:
    return await anyio.to_thread.run_sync(
        lambda: tuple(supply.masked(each) for each in words), limiter=anyio.CapacityLimiter(1)
    )
