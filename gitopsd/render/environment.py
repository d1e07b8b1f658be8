"""Argo CD's build environment. Source: https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from gitopsd.core.app import AppSpec, Source
from gitopsd.core.errors import shown_url
from gitopsd.ports.renderer import RenderTarget

_REVISION: Final = "ARGOCD_APP_REVISION"
_CLUSTER: Final = ("KUBE_VERSION", "KUBE_API_VERSIONS")


def build_environment(spec: AppSpec, source: Source, commit: str, target: RenderTarget) -> Mapping[str, str]:
    """The variables that options may refer to; the repository's URL without any credential."""
    url = shown_url(source.repo_url) if "://" in source.repo_url else source.repo_url
    return {
        "ARGOCD_APP_NAME": spec.name,
        "ARGOCD_APP_NAMESPACE": spec.destination.namespace,
        "ARGOCD_APP_PROJECT_NAME": spec.project,
        _REVISION: commit,
        "ARGOCD_APP_REVISION_SHORT": commit[:7],
        "ARGOCD_APP_REVISION_SHORT_8": commit[:8],
        "ARGOCD_APP_SOURCE_PATH": source.path,
        "ARGOCD_APP_SOURCE_REPO_URL": url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
        "KUBE_VERSION": target.kube_version.removeprefix("v"),
        "KUBE_API_VERSIONS": ",".join(target.api_versions),
    }


def lasting(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that differ neither from commit to commit nor with the cluster."""
    return {
        name: value for name, value in environment.items() if not name.startswith(_REVISION) and name not in _CLUSTER
    }


def names_the_commit(source: Source) -> bool:
    """Whether the source's options let the commit into the manifests: such a result belongs to that commit alone."""
    return _REVISION in json.dumps(source.options, default=str)
