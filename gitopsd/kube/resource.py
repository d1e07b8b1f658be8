"""A kind as an API server serves it, and the paths under which it does."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.manifest import KindInfo


@dataclass(frozen=True, slots=True)
class Resource:
    """What discovery says of one kind at one version. `served` is False while the API behind it does not answer."""

    gvk: GVK
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    served: bool = True

    @property
    def info(self) -> KindInfo:
        """As the control room wants it."""
        return KindInfo(namespaced=self.namespaced, served=self.served)

    @property
    def watchable(self) -> bool:
        """Whether its objects can be listed and watched (reviews, for one, cannot)."""
        return self.served and {"list", "watch"} <= self.verbs

    @property
    def collection(self) -> str:
        """The path of all its objects in all namespaces."""
        return self.within("")

    def within(self, namespace: str) -> str:
        """The path of all its objects in a namespace ("": in all). Raises `ClusterError` as `path` does."""
        base = api_path(self.gvk.group, self.gvk.version)
        if not namespace:
            return f"{base}/{self.plural}"
        return f"{base}/namespaces/{_segment(ObjectKey(*self.gvk.group_kind, namespace, ''), namespace)}/{self.plural}"

    def scoped(self, key: ObjectKey) -> Resource:
        """Itself, if `key` has the kind's scope. Raises `ClusterError` if not: what was allowed for an object of a
        namespace is not for one of the cluster, and only discovery says which it is (advisory N6).
        """
        if self.namespaced == bool(key.namespace):
            return self
        scope = "lives in namespaces" if self.namespaced else "is cluster-scoped"
        raise ClusterError(
            f"the scope of {self.gvk} is another one",
            why=f"it {scope}, and {key} was made for the other",
            hint="it is rendered anew at the next look; if this stays, refresh the application",
            retryable=True,
            reason="Scope",
        )

    def path(self, key: ObjectKey) -> str:
        """The path of one object. Raises `ClusterError` for names that could leave their place in the path.

        The rule is that of Kubernetes for every object's name: no `/`, no `%`, neither `.` nor `..`.
        """
        base = api_path(self.gvk.group, self.gvk.version)
        place = f"/namespaces/{_segment(key, key.namespace)}" if self.namespaced else ""
        return f"{base}{place}/{self.plural}/{_segment(key, key.name)}"


def api_path(group: str, version: str) -> str:
    """The root of a group and version."""
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _segment(key: ObjectKey, name: str) -> str:
    if not name or name in (".", "..") or "/" in name or "%" in name:
        raise ClusterError(
            "the object's name or namespace cannot be used",
            where=str(key),
            why=f"{name[:100]!r} is not a valid path segment name" if name else "it is empty",
            hint="correct metadata.name and metadata.namespace in git",
            status=422,
            reason="Invalid",
        )
    return quote(name, safe=":")
