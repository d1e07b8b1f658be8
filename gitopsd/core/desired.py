"""From manifests to the objects that an application wants: namespace, tracking, waves, hooks set apart, duplicates
named.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from gitopsd.core import annotations as marks
from gitopsd.core.adoption import adopted_managers
from gitopsd.core.app import AppSpec
from gitopsd.core.desiredhook import hook_of, hook_problem, with_hook
from gitopsd.core.document import Document, canonical
from gitopsd.core.hook import SKIP
from gitopsd.core.hookorder import order_problems
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject, KindInfo, Manifest
from gitopsd.core.syncoptions import not_understood
from gitopsd.core.tracking import tracked

_SET_BY_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_CLUSTER_ROLE = GroupKind("rbac.authorization.k8s.io", "ClusterRole")
_SECRET = GroupKind("", "Secret")


def desired(spec: AppSpec, manifests: Iterable[Manifest], kinds: Mapping[GVK, KindInfo]) -> Desired:
    """The objects that `spec` wants, from its rendered `manifests` in their order.

    `kinds` is what discovery says of the manifests' kinds; a kind that is not there is taken from a
    CustomResourceDefinition among the manifests, else as namespaced if the manifest names a namespace.

    The same object twice: the last one counts, and a warning names it (Argo CD's RepeatedResourceWarning). The same
    goes for hooks of one phase.
    """
    flat = list(_flattened(manifests))
    defined = _defined(flat)
    found: dict[ObjectKey, DesiredObject] = {}
    hooks: list[DesiredHook] = []
    warnings: list[str] = []
    doubts: list[str] = []
    problems: list[str] = []
    for manifest in flat:
        phases = marks.hook_phases(manifest.annotations)
        if phases is not None and (not phases or SKIP in phases):
            continue
        problem = _problem(manifest, hook=phases is not None) or hook_problem(manifest, phases or ())
        if problem:
            problems.append(f"{manifest.origin}: {problem}")
            continue
        one = _object(spec, manifest, kinds, defined, doubts)
        if not one.key.namespace and _namespaced(manifest, kinds, defined):
            problems.append(f"{manifest.origin}: {one.key} names no namespace; set destination.namespace")
            continue
        if phases is not None:
            hooks = with_hook(hooks, hook_of(manifest, phases, one), warnings)
            continue
        if one.key in found:
            warnings.append(f"{one.key} appears more than once; the last one, {one.origin}, counts")
        found[one.key] = one
    problems += order_problems(found.values(), hooks)
    return Desired(
        objects=tuple(found.values()),
        digest=_digest(spec, found.values()),
        hooks=tuple(hooks),
        defines=frozenset(defined),
        warnings=tuple(warnings),
        doubts=tuple(doubts),
        problems=tuple(problems),
    )


def without_kinds(spec: AppSpec, wanted: Desired, kinds: Collection[GroupKind]) -> Desired:
    """`wanted` without the objects and hooks of these kinds, which are named in its `excluded`."""
    kept = tuple(item for item in wanted.objects if item.key.group_kind not in kinds)
    hooks = tuple(hook for hook in wanted.hooks if hook.key.group_kind not in kinds)
    everything = [*wanted.objects, *(hook.object for hook in wanted.hooks)]
    left_out = tuple(dict.fromkeys(item.key for item in everything if item.key.group_kind in kinds))
    return replace(wanted, objects=kept, hooks=hooks, digest=_digest(spec, kept), excluded=left_out)


def wanted_kinds(manifests: Iterable[Manifest]) -> frozenset[GVK]:
    """The kinds of all manifests, hooks included: what `desired` wants discovery to be asked about."""
    return frozenset(manifest.gvk for manifest in _flattened(manifests))


def managed_namespace(spec: AppSpec, wanted: Desired) -> DesiredObject | None:
    """The namespace that `CreateNamespace=true` asks for: never tracked, so never pruned; None if there is none.

    A Namespace manifest in the sources wins (Argo CD, sync options).
    """
    name = spec.destination.namespace
    key = ObjectKey("", "Namespace", "", name)
    policy = spec.sync_policy
    if not name or not policy.enabled("CreateNamespace") or any(item.key == key for item in wanted.objects):
        return None
    metadata: dict[str, JsonValue] = {"name": name}
    if policy.namespace_labels:
        metadata["labels"] = dict(policy.namespace_labels)
    if policy.namespace_annotations:
        metadata["annotations"] = dict(policy.namespace_annotations)
    document = Document(canonical({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
    return DesiredObject(key, GVK("", "v1", "Namespace"), document, document.digest(), origin=spec.position)


def _digest(spec: AppSpec, found: Iterable[DesiredObject]) -> str:
    digest = hashlib.blake2b(f"{spec.destination}\n".encode(), digest_size=16)
    for item in sorted(found, key=lambda item: item.key):
        digest.update(f"{item.key}\n{item.gvk.version}\n{item.digest}\n".encode())
    return digest.hexdigest()


def _flattened(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Every manifest, the items of lists (`v1 List`, `ConfigMapList`) one by one."""
    for manifest in manifests:
        if text(manifest.body, "kind").endswith("List") and "items" in manifest.body:
            yield from _flattened(Manifest(item, manifest.origin) for item in objects(manifest.body, "items"))
        else:
            yield manifest


def _defined(manifests: Iterable[Manifest]) -> dict[GroupKind, bool]:
    """Kind → whether it is namespaced, for each CustomResourceDefinition among the manifests."""
    found: dict[GroupKind, bool] = {}
    for manifest in manifests:
        if manifest.gvk.group_kind == _CRD:
            spec = mapping(manifest.body, "spec")
            kind = GroupKind(text(spec, "group"), text(spec, "names", "kind"))
            found[kind] = text(spec, "scope") != "Cluster"
    return found


def _problem(manifest: Manifest, *, hook: bool = False) -> str:
    gvk = manifest.gvk
    if not gvk.version or not gvk.kind:
        return "a manifest needs apiVersion and kind"
    metadata = mapping(manifest.body, "metadata")
    for field in ("name", "namespace"):
        if not isinstance(metadata.get(field), str | None):
            return f"{gvk} has a metadata.{field} that is not a string; put it in quotes"
    generated = text(metadata, "generateName")
    if not manifest.name and not (hook and generated):
        also = "; metadata.generateName is for hooks only" if generated else ""
        return f"{gvk} has no metadata.name{also}"
    return ""


def _namespaced(manifest: Manifest, kinds: Mapping[GVK, KindInfo], defined: Mapping[GroupKind, bool]) -> bool:
    gvk = manifest.gvk
    known = kinds.get(gvk)
    if known is not None:
        return known.namespaced
    return defined.get(gvk.group_kind, bool(manifest.namespace))


def _object(
    spec: AppSpec,
    manifest: Manifest,
    kinds: Mapping[GVK, KindInfo],
    defined: Mapping[GroupKind, bool],
    doubts: list[str],
) -> DesiredObject:
    gvk = manifest.gvk
    scope = (manifest.namespace or spec.destination.namespace) if _namespaced(manifest, kinds, defined) else ""
    name = manifest.name or text(manifest.body, "metadata", "generateName")
    key = ObjectKey(gvk.group, gvk.kind, scope, name)
    wave = marks.wave(manifest.annotations)
    if wave is None:
        doubts.append(f"{manifest.origin}: {key} has a sync wave that is not a whole number; wave 0 is used")
    doubts += (f"{manifest.origin}: {key} has {what}" for what in not_understood(manifest.annotations))
    document = Document(canonical(_tracked(spec, manifest.body, key)))
    return DesiredObject(
        key=key,
        gvk=gvk,
        document=document,
        digest=document.digest(),
        wave=wave or 0,
        options=marks.sync_options(manifest.annotations),
        origin=manifest.origin,
        adopts=adopted_managers(spec.annotations, spec.sync_policy.options),
    )


def _tracked(spec: AppSpec, body: JsonObject, key: ObjectKey) -> JsonObject:
    """`body` with its namespace and our tracking, without what only a server sets (exports carry it, and it would
    conflict).
    """
    metadata = {name: item for name, item in mapping(body, "metadata").items() if name not in _SET_BY_SERVER}
    metadata.pop("namespace", None)
    if key.namespace:
        metadata["namespace"] = key.namespace
    return {**_folded(_without_aggregated_rules(body, key), key), "metadata": tracked(metadata, key, spec)}


def _without_aggregated_rules(body: JsonObject, key: ObjectKey) -> JsonObject:
    """`body` without the rules that a controller fills in: it overwrites what stands in an aggregated ClusterRole, so
    applying them would never end.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
    """
    if key.group_kind != _CLUSTER_ROLE or body.get("aggregationRule") is None:
        return body
    return {name: item for name, item in body.items() if name != "rules"}


def _folded(body: JsonObject, key: ObjectKey) -> JsonObject:
    """A Secret's `stringData` as `data`, which is what the API server makes of it. Applied as it is, its ownership
    would be recorded for fields that no Secret has, and a key that leaves git would stay in the cluster.

    Values that are no strings stay where they are, so that the API server names them.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
    """
    written = body.get("stringData")
    if key.group_kind != _SECRET or not isinstance(written, Mapping):
        return body
    data = body.get("data") or {}
    if not isinstance(data, Mapping) or not all(isinstance(item, str) for item in written.values()):
        return body
    encoded = {name: b64encode(str(item).encode()).decode() for name, item in written.items()}
    kept = {name: item for name, item in body.items() if name != "stringData"}
    return {**kept, "data": {**data, **encoded}} if encoded else kept
