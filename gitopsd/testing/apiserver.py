"""The inside of a fake cluster: what is served, what is admitted, and how its objects look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from gitopsd.core.app import BY_ANNOTATION, Tracking
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.immutable import IMMUTABLE, is_immutable
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, text, value
from gitopsd.core.live import LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.tracking import whose
from gitopsd.core.tree.inferred import aliases, inferred_owners
from gitopsd.testing.kinds import Kinds
from gitopsd.testing.objects import Objects

_WORKLOAD: Final = (("spec", "selector"),)
_FIXED: Final[Mapping[GroupKind, Sequence[tuple[str, ...]]]] = {
    GroupKind("apps", "Deployment"): _WORKLOAD,
    GroupKind("apps", "ReplicaSet"): _WORKLOAD,
    GroupKind("apps", "DaemonSet"): _WORKLOAD,
    GroupKind("apps", "StatefulSet"): (*_WORKLOAD, ("spec", "serviceName"), ("spec", "volumeClaimTemplates")),
    GroupKind("batch", "Job"): (*_WORKLOAD, ("spec", "template")),
    GroupKind("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
}
_SEALED: Final = (("data",), ("binaryData",), ("immutable",))


class ApiServer:
    """Kinds, objects, and the objects that it refuses (key → why)."""

    def __init__(self, name: str, tracking: Tracking = BY_ANNOTATION) -> None:
        self.name = name
        self.tracking = tracking
        self.kinds = Kinds()
        self.objects = Objects()
        self.refused: dict[ObjectKey, str] = {}

    def key(self, body: JsonObject) -> ObjectKey:
        """The key of an object that somebody creates; `default` where it names no namespace."""
        gvk = GVK.parse(text(body, "apiVersion"), text(body, "kind"))
        info = self.kinds.served.get(gvk, KindInfo(namespaced=True))
        namespace = (text(body, "metadata", "namespace") or "default") if info.namespaced else ""
        return ObjectKey(gvk.group, gvk.kind, namespace, text(body, "metadata", "name"))

    def live(self, key: ObjectKey) -> LiveObject:
        """The object as a watch shows it."""
        body = self.objects.bodies[key]
        gvk = self.kinds.preferred(key.group_kind) or GVK.parse(text(body, "apiVersion"), key.kind)
        mark, copied, foreign = whose(mapping(body, "metadata"), key, self.tracking)
        return LiveObject(
            key=key,
            gvk=gvk,
            uid=text(body, "metadata", "uid"),
            resource_version=text(body, "metadata", "resourceVersion"),
            document=Document(canonical({**body, "apiVersion": gvk.api_version})),
            owner=mark,
            copied=copied,
            foreign=foreign,
            owner_uids=tuple(text(owner, "uid") for owner in objects(body, "metadata", "ownerReferences")),
            deleting=bool(text(body, "metadata", "deletionTimestamp")),
            inferred=inferred_owners(key, body),
            aliases=aliases(key, body),
        )

    def children(self, uids: Collection[str]) -> Sequence[LiveObject]:
        """Objects that one of `uids` owns, directly or through others."""
        known = set(uids)
        known |= {alias for key in self.objects.bodies if (one := self.live(key)).uid in known for alias in one.aliases}
        found: dict[ObjectKey, LiveObject] = {}
        grown = True
        while grown:
            grown = False
            for key in self.objects.bodies:
                one = self.live(key)
                if key not in found and known & set(one.owners):
                    found[key] = one
                    known |= {one.uid, *one.aliases}
                    grown = True
        return list(found.values())

    def admit(self, desired: DesiredObject, *, replaces: bool = False, verb: str = "apply") -> None:
        """Raise what the API server would answer to a write that it does not do."""
        where = f"cluster {self.name}, {desired.key}"
        if desired.gvk not in self.kinds.served:
            raise ClusterError(
                f"the cluster does not serve {desired.gvk}", where=where, retryable=True, reason="KindMissing"
            )
        if message := self._invalid(desired):
            fixed = is_immutable(message)
            what = f"the API server refused to {verb} it{f': {IMMUTABLE}' if fixed else ''}"
            reason = "Immutable" if fixed else "Invalid"
            raise ClusterError(what, where=where, why=message, status=422, reason=reason)
        namespace = desired.key.namespace
        if namespace and ObjectKey("", "Namespace", "", namespace) not in self.objects.bodies:
            raise ClusterError(
                f"namespace {namespace} does not exist",
                where=where,
                hint="add CreateNamespace=true to the application's syncOptions, or create it",
                retryable=True,
                status=404,
                reason="NamespaceMissing",
            )
        if fixed_field := self._fixed(desired, replaces=replaces):
            raise ClusterError(
                f"the API server refused to {verb} it: {IMMUTABLE}",
                where=where,
                why=f"{fixed_field}: field is immutable",
                hint="have the object made anew",
                status=422,
                reason="Immutable",
            )

    def exists(self, key: ObjectKey) -> ClusterError:
        """What the API server answers to who makes an object that is there."""
        return ClusterError(
            "the API server refused to create it: there is one of this name already",
            where=f"cluster {self.name}, {key}",
            status=409,
            reason="AlreadyExists",
        )

    def another(self, key: ObjectKey, *, there: bool) -> ClusterError:
        """What the API server answers to who patches an object that is another one by now, or gone."""
        if not there:
            return ClusterError("it is gone", where=f"cluster {self.name}, {key}", status=404, reason="NotFound")
        return ClusterError(
            "the API server refused to patch it: it is another object of that name by now",
            where=f"cluster {self.name}, {key}",
            status=409,
            reason="Conflict",
        )

    def predict(self, desired: DesiredObject, live: LiveObject | None) -> Prediction:
        """What a dry-run of an apply answers."""
        version = live.resource_version if live else ""
        try:
            self.admit(desired)
        except ClusterError as error:
            return Prediction(desired.digest, version, None, str(error))
        body = self.objects.applied(desired.key, desired.document.body(), desired.gvk)
        current = None
        if live is not None and live.gvk != desired.gvk:
            current = Document(canonical({**live.document.body(), "apiVersion": desired.gvk.api_version}))
        return Prediction(desired.digest, version, Document(canonical(body)), current=current)

    def _fixed(self, desired: DesiredObject, *, replaces: bool) -> str:
        """The field that this would change and that cannot be changed; "" if there is none."""
        before = self.objects.bodies.get(desired.key)
        if before is None:
            return ""
        make = self.objects.replaced if replaces else self.objects.applied
        after = make(desired.key, desired.document.body(), desired.gvk)
        sealed = _SEALED if before.get("immutable") is True else ()
        for path in (*_FIXED.get(desired.key.group_kind, ()), *sealed):
            if value(before, *path) != value(after, *path):
                return ".".join(path)
        return ""

    def _invalid(self, desired: DesiredObject) -> str:
        if desired.key.kind in ("ConfigMap", "Secret"):
            for name, item in mapping(desired.document.body(), "data").items():
                if not isinstance(item, str):
                    return f".data.{name}: expected string, got {item!r}"
        return self.refused.get(desired.key, "")
