"""Applications and objects, written down with as little as the test cares about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.core.annotations import SYNC_WAVE
from gitopsd.core.app import DEFAULT_RETRY, AppSpec, Automated, Destination, RetryPolicy, Source, SyncPolicy
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.manifest import Manifest

A_REPOSITORY: Final = "https://git.example.org/team/app.git"


def an_app(
    name: str = "guestbook",
    *,
    repo: str = A_REPOSITORY,
    revision: str = "main",
    path: str = ".",
    cluster: str = "local",
    namespace: str = "default",
    automated: bool = True,
    prune: bool = False,
    self_heal: bool = False,
    allow_empty: bool = False,
    options: Mapping[str, str] | None = None,
    retry: RetryPolicy = DEFAULT_RETRY,
    annotations: Mapping[str, str] | None = None,
    project: str = "default",
    unsupported: tuple[str, ...] = (),
) -> AppSpec:
    """An application of one source; automated, neither pruning nor healing, unless told otherwise."""
    policy = Automated(prune=prune, self_heal=self_heal, allow_empty=allow_empty) if automated else None
    return AppSpec(
        name=AppName(name),
        sources=(Source(repo, path, revision),),
        destination=Destination(name=cluster, namespace=namespace),
        project=project,
        annotations=annotations or {},
        sync_policy=SyncPolicy(policy, options or {}, retry),
        position=Position("gitopsd.yaml", 7, 5),
        unsupported=unsupported,
    )


def an_object(
    kind: str,
    name: str,
    *,
    api_version: str = "v1",
    namespace: str = "",
    wave: int | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    **fields: JsonValue,
) -> JsonObject:
    """An object of any kind; `fields` are its top-level fields."""
    marks = dict(annotations or {})
    if wave is not None:
        marks[SYNC_WAVE] = str(wave)
    metadata: dict[str, JsonValue] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if marks:
        metadata["annotations"] = marks
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def a_config_map(
    name: str = "settings",
    data: Mapping[str, str] | None = None,
    *,
    namespace: str = "",
    wave: int | None = None,
    annotations: Mapping[str, str] | None = None,
) -> JsonObject:
    """A ConfigMap with `data` (one entry if None)."""
    content = dict(data) if data is not None else {"colour": "green"}
    return an_object("ConfigMap", name, namespace=namespace, wave=wave, annotations=annotations, data=content)


def a_deployment(
    name: str = "web",
    *,
    namespace: str = "",
    image: str = "nginx:1",
    replicas: int | None = 1,
    wave: int | None = None,
    annotations: Mapping[str, str] | None = None,
    ports: Sequence[JsonValue] = (),
    env: Mapping[str, str] | None = None,
) -> JsonObject:
    """A Deployment of one container; without `spec.replicas` if that is None."""
    container: dict[str, JsonValue] = {"name": name, "image": image}
    if ports:
        container["ports"] = ports
    if env:
        container["env"] = [{"name": key, "value": item} for key, item in env.items()]
    spec: dict[str, JsonValue] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return an_object(
        "Deployment", name, api_version="apps/v1", namespace=namespace, wave=wave, annotations=annotations, spec=spec
    )


def a_namespace(name: str, *, wave: int | None = None) -> JsonObject:
    """A Namespace."""
    return an_object("Namespace", name, wave=wave)


def a_definition(
    kind: str = "Widget", *, group: str = "example.org", namespaced: bool = True, wave: int | None = None
) -> JsonObject:
    """A CustomResourceDefinition of `kind` at v1."""
    plural = f"{kind.lower()}s"
    return an_object(
        "CustomResourceDefinition",
        f"{plural}.{group}",
        api_version="apiextensions.k8s.io/v1",
        wave=wave,
        spec={
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    )


def an_instance(
    name: str = "first",
    *,
    kind: str = "Widget",
    group: str = "example.org",
    namespace: str = "",
    wave: int | None = None,
    size: int = 1,
) -> JsonObject:
    """An instance of `a_definition()`."""
    return an_object(kind, name, api_version=f"{group}/v1", namespace=namespace, wave=wave, spec={"size": size})


def manifests(*bodies: JsonObject) -> tuple[Manifest, ...]:
    """`bodies` as a renderer gives them, each from a file of its own."""
    return tuple(Manifest(body, Position(f"app/{number}.yaml", 1)) for number, body in enumerate(bodies))
