"""The objects of the workload as gitopsd applies them, so that floors write the very same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.desired import desired
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.manifest import KindInfo, Manifest

_KINDS: Final = (
    GVK("", "v1", "ConfigMap"),
    GVK("", "v1", "Secret"),
    GVK("", "v1", "Service"),
    GVK("apps", "v1", "Deployment"),
)


def kinds() -> Mapping[GVK, KindInfo]:
    """What discovery says of the workload's kinds."""
    return {gvk: KindInfo(namespaced=True) for gvk in _KINDS}


def spec_of(name: str) -> AppSpec:
    """The application, as far as it shapes its objects."""
    return AppSpec(
        name=AppName(name),
        sources=(Source("bench", name),),
        destination=Destination(name="local", namespace=name),
    )


def objects(rendered: Mapping[str, Iterable[Manifest]]) -> list[bytes]:
    """The bodies that are applied for all applications, in their order."""
    found = (desired(spec_of(name), manifests, kinds()) for name, manifests in rendered.items())
    return [item.document.raw for wanted in found for item in wanted.objects]
