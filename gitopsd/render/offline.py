"""Rendering a folder of this machine, with no repository and no cluster: `gitopsd render PATH`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import anyio

from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.errors import RenderError
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin.renderer import Renderer, RenderResult
from gitopsd.render.border import Border, Job
from gitopsd.render.limits import Limits
from gitopsd.render.seeds import Seeds
from gitopsd.render.supplies import Asker, RecordingSupply, Supplies


async def render_folder(
    renderers: Sequence[Renderer],
    folder: str,
    *,
    name: str,
    namespace: str = "",
    renderer: str = "",
    options: JsonObject | None = None,
    kube_version: str = "",
    api_versions: tuple[str, ...] = (),
    limits: Limits | None = None,
    supplies: Supplies | None = None,
) -> RenderResult:
    """The manifests of `folder` as an application `name` would have them, through the same code as the daemon's.

    Nothing outside of the git work tree that encloses the folder is read; without one the folder itself is the border.
    `renderer` and `options` are the explicit choice and its block, as in a source. `supplies` gets what it needs from
    elsewhere; without them it gets nothing. Raises `RenderError` and
    `PluginError`.
    """
    root, path = await anyio.to_thread.run_sync(_root_of, folder)
    job = Job(
        root=root,
        path=path,
        origin=root,
        app=name,
        namespace=namespace,
        explicit=renderer,
        options=options or {},
        kube_version=kube_version,
        api_versions=api_versions,
        environment={
            "ARGOCD_APP_NAME": name,
            "ARGOCD_APP_NAMESPACE": namespace,
            "ARGOCD_APP_SOURCE_PATH": path,
            "KUBE_VERSION": kube_version.removeprefix("v"),
            "KUBE_API_VERSIONS": ",".join(api_versions),
        },
        supply=RecordingSupply(supplies, Asker(_as_app(name, namespace), {"": root})) if supplies else None,
        seed=Seeds.passing().of(name),
    )
    outcome = await Border(renderers, limits or Limits()).render(job)
    return RenderResult(outcome.manifests, outcome.reads, outcome.warnings, outcome.uses_cluster)


def _as_app(name: str, namespace: str) -> AppSpec:
    return AppSpec(AppName(name), (), Destination(namespace=namespace))


def _root_of(folder: str) -> tuple[str, str]:
    """The enclosing work tree's root (a folder that holds `.git`), and the folder relative to it."""
    here = Path(folder).resolve()
    if not here.is_dir():
        raise RenderError(f"{folder!r} is not a folder", hint="name the folder that holds the manifests")
    root = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    return str(root), os.path.relpath(here, root)
