"""Everybody else who changes an object of ours: people with kubectl, controllers, other appliers."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from gitopsd.core.ids import GVK
from tests.cluster_fixture import ApiServer
from tests.kube import mutations
from tests.kube.injector import LABEL

Body = dict[str, Any]

_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Kind:
    """A kind of which objects are made. `effort` is how much dearer than others its objects are."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True
    scaled: bool = False
    status: bool = False
    effort: int = 1

    @property
    def gvk(self) -> GVK:
        """As discovery has it."""
        return GVK.parse(self.api_version, self.name)

    @property
    def root(self) -> str:
        """The path of its group and version."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"

    @property
    def custom(self) -> bool:
        """Whether it has no strategic merge patch."""
        return self.api_version.endswith("example.org/v1")


class Change(NamedTuple):
    """One thing that somebody does to an object; `seed` and `force` say how."""

    who: str
    seed: int
    force: bool


class Administrator:
    """Requests of others, over one connection."""

    def __init__(self, server: ApiServer) -> None:
        address = urlsplit(server.server)
        pki = server.folder / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=60)

    def __call__(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> tuple[int, Body]:
        """Status and parsed answer."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "User-Agent": "somebody/1"}
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")

    def done(self, method: str, path: str, body: object = None) -> Body:
        """The answer to a request that must not fail."""
        status, answer = self(method, path, body)
        assert status < 300, answer
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Others:
    """What others do to one object. `body` is what we want of it, `wanted` that with our tracking, `path` its path.

    Each way gives the status of the API server's answer.
    """

    def __init__(self, admin: Administrator, kind: Kind, namespace: str, body: Body, other: Body) -> None:
        self._admin, self._kind, self.body, self._other = admin, kind, body, other
        self.wanted: Body = body
        within = f"/namespaces/{namespace}" if kind.namespaced else ""
        self._collection = f"{kind.root}{within}/{kind.plural}"
        self.path = f"{self._collection}/{quote(body['metadata']['name'], safe='')}"

    def do(self, change: Change) -> int:
        """One of the ways below, by its name."""
        way: Callable[[Change], int] = getattr(self, change.who)
        return way(change)

    def edit(self, change: Change) -> int:
        """kubectl edit."""
        return self._update(lambda live: mutations.mutated(live, self._other, change.seed), "kubectl-edit")

    def reorder(self, change: Change) -> int:
        """Somebody sorts a list."""
        return self._update(lambda live: mutations.reordered(live, change.seed), "kubectl-edit")

    def replace(self, change: Change) -> int:
        """kubectl replace: what was defaulted or added by others is not in it."""

        def replaced(live: Body) -> Body:
            kept = {name: live["metadata"][name] for name in ("resourceVersion",)}
            body = dict(self.wanted)
            return {**body, "metadata": {**body["metadata"], **kept}}

        return self._update(replaced, "kubectl-replace")

    def remove(self, change: Change) -> int:
        """Somebody removes a field of ours, or of somebody else's."""
        return self._update(lambda live: mutations.dropped(live, change.seed)[0], "remover")

    def kubectl_apply(self, change: Change) -> int:
        """kubectl apply, without --server-side."""
        body = mutations.mutated(self.body, self._other, change.seed)
        metadata = {**body["metadata"]}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), _LAST_APPLIED: json.dumps(self.body)}
        body = {**body, "metadata": metadata}
        content = _MERGE if self._kind.custom or self._kind.name == "CustomResourceDefinition" else _STRATEGIC
        return self._send("PATCH", "?fieldManager=kubectl-client-side-apply", body, content)

    def server_side(self, change: Change) -> int:
        """Another applier, with and without force."""
        wanted = mutations.mutated(self.body, self._other, change.seed) if change.seed % 2 else self.body
        body = mutations.part(wanted, change.seed)
        query = f"?fieldManager=other-{change.seed % 2}&force={str(change.force).lower()}"
        return self._send("PATCH", query, body, "application/apply-patch+yaml")

    def scale(self, change: Change) -> int:
        """Kubectl scale, or a HorizontalPodAutoscaler."""
        if not self._kind.scaled:
            return self.label(change)
        manager = "kube-controller-manager" if change.force else "kubectl-scale"
        body = {"spec": {"replicas": change.seed % 3}}
        return self._send("PATCH", f"/scale?fieldManager={manager}", body, _MERGE)

    def status(self, change: Change) -> int:
        """A controller that reports."""
        if not self._kind.status:
            return self.label(change)
        body = {"status": {"observedGeneration": 1 + change.seed % 2}}
        return self._send("PATCH", "/status?fieldManager=some-controller", body, _MERGE)

    def label(self, change: Change) -> int:
        """Somebody's labels and annotations."""
        block = "labels" if change.force else "annotations"
        body = {"metadata": {block: {"somebody.example.org": f"v{change.seed % 3}"}}}
        return self._send("PATCH", "?fieldManager=labeller", body, _MERGE)

    def inject(self, change: Change) -> int:
        """Somebody asks the webhook for its additions, or does no longer."""
        body = {"metadata": {"labels": {LABEL: None if change.force else "yes"}}}
        return self._send("PATCH", "?fieldManager=labeller", body, _MERGE)

    def forget(self, change: Change) -> int:
        """Somebody clears the managed fields."""
        return self._send("PATCH", "", {"metadata": {"managedFields": [{}]}}, _MERGE)

    def delete(self, change: Change) -> int:
        """Somebody deletes it, and perhaps makes one of their own."""
        status = self._send("DELETE", "", {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
        if change.force and status < 300 and self._admin("GET", self.path)[0] == 404:
            body = mutations.mutated(self.body, self._other, change.seed)
            manager = ("kubectl-create", "kubectl-client-side-apply")[change.seed % 2]
            self._admin("POST", f"{self._collection}?fieldManager={manager}", body)
        return status

    def _update(self, made: Callable[[Body], Body], manager: str) -> int:
        status, live = self._admin("GET", self.path)
        if status != 200:
            return status
        return self._send("PUT", f"?fieldManager={manager}", made(live))

    def _send(self, method: str, rest: str, body: Body, content_type: str = "application/json") -> int:
        return self._admin(method, self.path + rest, body, content_type)[0]
