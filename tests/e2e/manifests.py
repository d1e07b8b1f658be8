"""Manifests as people write them, for the repositories of the tests."""

from __future__ import annotations

from collections.abc import Mapping

import yaml


def config_map(name: str, value: str = "1", *, namespace: str = "", **annotations: str) -> str:
    """A ConfigMap with `data: {key: value}`; an annotation's name takes `__` for `/` and `_` for the other signs."""
    return manifest("v1", "ConfigMap", name, namespace=namespace, annotations=annotations, data={"key": value})


def secret(name: str, value: str) -> str:
    """A Secret."""
    return manifest("v1", "Secret", name, stringData={"key": value})


def deployment(name: str, *, replicas: int = 1, behaviour: str = "", **annotations: str) -> str:
    """A Deployment of one container; `behaviour` is told to the fake kubelet."""
    told = {"kubelet.gitopsd.io/behaviour": behaviour} if behaviour else {}
    return manifest(
        "apps/v1",
        "Deployment",
        name,
        annotations=annotations,
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": told},
                "spec": {"containers": [{"name": "main", "image": "registry.example.org/main:1"}]},
            },
        },
    )


def definition(kind: str, group: str) -> str:
    """A CustomResourceDefinition of a kind with a free `spec`."""
    plural = f"{kind.lower()}s"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free}}},
    }
    return manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        spec={
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    )


def manifest(
    api_version: str,
    kind: str,
    name: str,
    *,
    namespace: str = "",
    annotations: Mapping[str, str] | None = None,
    **content: object,
) -> str:
    """Any object as a YAML document."""
    metadata: dict[str, object] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = {_spelled(key): value for key, value in annotations.items()}
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
    return f"---\n{yaml.safe_dump(body, sort_keys=False)}"


def _spelled(key: str) -> str:
    """Argo CD's annotations by their short names."""
    short = {"wave": "argocd.argoproj.io/sync-wave", "sync_options": "argocd.argoproj.io/sync-options"}
    return short.get(key, key)


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\n",
    "values.yaml": "greeting: hello\ncache:\n  size: small\n",
    "templates/shop.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-shop\n"
        "data:\n  key: {{ .Values.greeting | quote }}\n"
    ),
    "charts/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: 0.1.0\n",
    "charts/cache/values.yaml": "size: tiny\n",
    "charts/cache/templates/cache.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-cache\n"
        "data:\n  key: {{ .Values.size | quote }}\n"
    ),
}
"""A Helm chart with a sub-chart whose value it sets."""

KUSTOMIZE = {
    "base/kustomization.yaml": "resources: [map.yaml]\n",
    "base/map.yaml": config_map("settings", "base"),
    "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\npatches: [{path: patch.yaml}]\n",
    "overlays/prod/patch.yaml": config_map("settings", "patched"),
}
"""A base and an overlay that renames and patches it."""

JSONNET = {
    "lib.libsonnet": "{ map(name, value):: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: name },"
    " data: { key: value } } }\n",
    "main.jsonnet": "local lib = import 'lib.libsonnet';\n[lib.map('first', '1'), lib.map('second', '2')]\n",
}
"""Two objects made by a function of a library."""


def folder(prefix: str, files: Mapping[str, str]) -> dict[str, str]:
    """`files` below a folder."""
    return {f"{prefix}/{name}": content for name, content in files.items()}
