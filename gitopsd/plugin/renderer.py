"""What a renderer plugin implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read
from gitopsd.plugin.supply import NOTHING, Supply


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One source of one application at one commit.

    `root` is the snapshot's absolute folder (read-only: writing there is a bug), `path` the source's folder below it.
    `options` is the source's block for this renderer as it stands in the YAML. `environment` is Argo CD's build
    environment (`ARGOCD_APP_NAME`, …); a renderer that lets ARGOCD_APP_REVISION into its manifests without being told
    to by its options answers with `reads=None`. `deadline` is in seconds from now. `supply` gets what the render needs
    from elsewhere; what it gave is remembered beside the `reads`. `seed` (hex) and `seed_time` (seconds since 1970)
    belong to the application for ever: what is random, or the time, in a template is drawn from them, so that two
    renders are equal. `lookup` says whether templates may look objects of the cluster up. A renderer that waits for its
    turn, or has a longer deadline of its own, calls `extend` with the seconds that it may take longer for that.
    """

    app: str
    namespace: str
    root: str
    path: str
    options: JsonObject
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    deadline: float = 60.0
    supply: Supply = NOTHING
    extend: Callable[[float], None] = lambda _seconds: None
    seed: str = ""
    seed_time: int = 0
    lookup: bool = False


@dataclass(frozen=True, slots=True)
class RenderResult:
    """The manifests, and what they depend on.

    `reads` lists every path that was opened, listed or found missing, relative to `root`; the result is reused for as
    long as these stay the same. None says "do not know": the result is reused for the same commit only. `uses_cluster`
    says whether the cluster's version and APIs (`kube_version`, `api_versions`) could have played a part; where they
    did not, their change renders nothing anew. `random` names what was not a function of its inputs
    (`templates/secret.yaml: randAlphaNum`).
    """

    manifests: tuple[Manifest, ...]
    reads: tuple[Read, ...] | None = None
    warnings: tuple[str, ...] = ()
    uses_cluster: bool = True
    random: tuple[str, ...] = ()


class Renderer(Protocol):
    """Turns files into manifests. Called for many applications at once."""

    @property
    def name(self) -> str:
        """`helm`, `kustomize`, `directory`, or the name by which a source asks for it (`plugin: {name: …}`)."""
        ...

    @property
    def markers(self) -> tuple[str, ...]:
        """File names that make a folder this renderer's (`Chart.yaml`).

        Empty for one that must be asked for by name.
        """
        ...

    async def render(self, request: RenderRequest) -> RenderResult:
        """Raises `RenderError` with the place of the fault.

        Anything else that it raises is reported as the plugin's own fault.
        """
        ...
