"""The inside of a fake cluster: what is served, what is admitted, and how its objects look."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gitopsd.core.app import BY_ANNOTATION, Tracking
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, text
from gitopsd.core.live import LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.tracking import whose
from gitopsd.core.tree.inferred import aliases, inferred_owners
from gitopsd.testing.kinds import Kinds
from gitopsd.testing.objects import Objects


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

    def admit(self, desired: DesiredObject) -> None:
        """Raise what the API server would answer to an apply that it does not do."""
        where = f"cluster {self.name}, {desired.key}"
        if desired.gvk not in self.kinds.served:
            raise ClusterError(
                f"the cluster does not serve {desired.gvk}", where=where, retryable=True, reason="NotServed"
            )
        if message := self._invalid(desired):
            raise ClusterError("the API server refused to apply it", where=where, why=message, status=422)
        namespace = desired.key.namespace
        if namespace and ObjectKey("", "Namespace", "", namespace) not in self.objects.bodies:
            raise ClusterError(
                f"namespace {namespace} does not exist",
                where=where,
                hint="add CreateNamespace=true to the application's syncOptions, or create it",
                retryable=True,
                status=404,
                reason="NotFound",
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

    def _invalid(self, desired: DesiredObject) -> str:
        if desired.key.kind in ("ConfigMap", "Secret"):
            for name, value in mapping(desired.document.body(), "data").items():
                if not isinstance(value, str):
                    return f".data.{name}: expected string, got {value!r}"
        return self.refused.get(desired.key, "")
