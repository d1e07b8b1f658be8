"""The renderer `directory`: by the render engine, or by PyYAML where gitopsd runs without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gitopsd.plugin import Engine, RenderRequest, RenderResult
from gitopsd_plain.folder import read_folder
from gitopsd_plain.options import read_options

if TYPE_CHECKING:
    from gitopsd.plugin import Renderer


class DirectoryRenderer:
    """Plain manifests and Jsonnet files of a folder, in lexical order."""

    name = "directory"
    markers: tuple[str, ...] = ()

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(2)

    async def render(self, request: RenderRequest) -> RenderResult:
        """See `gitopsd.plugin.Renderer`."""
        # Only options name paths that have to be looked at, which is work for a thread.
        if request.options:
            options = await anyio.to_thread.run_sync(read_options, request, limiter=self._limiter)
        else:
            options = read_options(request)
        if self._engine is None:
            return await anyio.to_thread.run_sync(read_folder, request, options, limiter=self._limiter)
        params = options.params(request)
        answer = await self._engine.call("directory", params, deadline=request.deadline, supply=request.supply)
        return RenderResult(answer.manifests, answer.reads, answer.warnings, options.uses_cluster)


if TYPE_CHECKING:
    _: type[Renderer] = DirectoryRenderer
