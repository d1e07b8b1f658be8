"""A reader of `Application` manifests that knows what tests write into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitopsd.core.app import AppSpec, Automated, Dependency, Destination, Source, SyncPolicy
from gitopsd.core.errors import SpecError
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, mapping, sequence, string_map, text
from gitopsd.core.manifest import Manifest
from gitopsd.ports.applications import ReadApplication
from gitopsd.testing.builders import A_REPOSITORY, an_object


def an_application(
    name: str,
    *,
    project: str = "default",
    repo: str = A_REPOSITORY,
    revision: str = "main",
    automated: bool = True,
    prune: bool = False,
    finalizer: bool = False,
    wave: int | None = None,
    namespace: str = "argocd",
    depends_on: tuple[str, ...] = (),
    annotations: dict[str, str] | None = None,
) -> JsonObject:
    """An Argo CD Application of one source for the namespace default of the cluster local."""
    spec: dict[str, JsonValue] = {
        "project": project,
        "source": {"repoURL": repo, "path": ".", "targetRevision": revision},
        "destination": {"name": "local", "namespace": "default"},
    }
    if automated:
        spec["syncPolicy"] = {"automated": {"prune": prune}}
    if depends_on:
        spec["dependsOn"] = list(depends_on)
    body = an_object(
        "Application",
        name,
        api_version="argoproj.io/v1alpha1",
        namespace=namespace,
        wave=wave,
        annotations=annotations,
        spec=spec,
    )
    if not finalizer:
        return body
    finalizers = ["resources-finalizer.argocd.argoproj.io"]
    return {**body, "metadata": {**mapping(body, "metadata"), "finalizers": finalizers}}


class FakeReader:
    """`ports.ReadApplication`: reads what `an_application` writes. `wrong` maps names to what is wrong with them."""

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}
        self.read_count = 0

    def read(self, manifest: Manifest) -> AppSpec:
        """The application."""
        self.read_count += 1
        spec = mapping(manifest.body, "spec")
        why = self.wrong.get(manifest.name, "" if text(spec, "source", "repoURL") else "spec has no source")
        if why:
            raise SpecError(f"application {manifest.name} cannot be used", where=str(manifest.origin), why=why)
        automated = "automated" in mapping(spec, "syncPolicy")
        prune = boolean(spec, "syncPolicy", "automated", "prune")
        return AppSpec(
            name=AppName(manifest.name),
            sources=(Source(text(spec, "source", "repoURL"), ".", text(spec, "source", "targetRevision")),),
            destination=Destination(text(spec, "destination", "server"), text(spec, "destination", "name"), "default"),
            project=text(spec, "project"),
            annotations=string_map(manifest.body, "metadata", "annotations"),
            finalizers=tuple(str(item) for item in sequence(manifest.body, "metadata", "finalizers")),
            sync_policy=SyncPolicy(Automated(prune=prune) if automated else None),
            position=manifest.origin,
            depends_on=tuple(Dependency(app=AppName(str(item))) for item in sequence(spec, "dependsOn")),
        )


if TYPE_CHECKING:
    _guard: ReadApplication = FakeReader()
