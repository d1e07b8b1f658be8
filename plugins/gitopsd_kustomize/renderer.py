"""The renderer `kustomize`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gitopsd.plugin import Engine, RenderError, RenderRequest, RenderResult
from gitopsd_kustomize.options import kustomize_params

if TYPE_CHECKING:
    from gitopsd.plugin import Renderer


class KustomizeRenderer:
    """`kustomize build` of a folder, after what `kustomize edit` would do with the options."""

    name = "kustomize"
    markers = ("kustomization.yaml", "kustomization.yml", "Kustomization")

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(2)

    async def render(self, request: RenderRequest) -> RenderResult:
        """See `gitopsd.plugin.Renderer`."""
        if self._engine is None:
            raise RenderError("Kustomize needs the render engine", hint="install gitopsd with its engine")
        # Only options name paths that have to be looked at, which is work for a thread.
        if request.options:
            params = await anyio.to_thread.run_sync(kustomize_params, request, limiter=self._limiter)
        else:
            params = kustomize_params(request)
        answer = await self._engine.call("kustomize", params, deadline=request.deadline, supply=request.supply)
        # The cluster plays a part through the charts of the kustomization, and through variables.
        uses_cluster = params["enable_helm"] is True or "KUBE_" in str(request.options)
        warnings = (*_ignored(request), *answer.warnings)
        return RenderResult(answer.manifests, answer.reads, warnings, uses_cluster, random=answer.random)


def _ignored(request: RenderRequest) -> tuple[str, ...]:
    if not request.options.get("version"):
        return ()
    return ("source.kustomize.version has no effect: there is one version of Kustomize",)


if TYPE_CHECKING:
    _: type[Renderer] = KustomizeRenderer
