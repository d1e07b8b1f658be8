"""The renderer `helm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gitopsd.plugin import Engine, RenderError, RenderRequest, RenderResult
from gitopsd_helm.options import helm_params

if TYPE_CHECKING:
    from gitopsd.plugin import Renderer


class HelmRenderer:
    """`helm template` of a chart."""

    name = "helm"
    markers = ("Chart.yaml",)

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(2)

    async def render(self, request: RenderRequest) -> RenderResult:
        """See `gitopsd.plugin.Renderer`."""
        if self._engine is None:
            raise RenderError("Helm needs the render engine", hint="install gitopsd with its engine")
        # Only options name paths that have to be looked at, which is work for a thread.
        if request.options:
            params = await anyio.to_thread.run_sync(helm_params, request, limiter=self._limiter)
        else:
            params = helm_params(request)
        answer = await self._engine.call("helm", params, deadline=request.deadline, supply=request.supply)
        return RenderResult(answer.manifests, answer.reads, answer.warnings, random=answer.random)


if TYPE_CHECKING:
    _: type[Renderer] = HelmRenderer
