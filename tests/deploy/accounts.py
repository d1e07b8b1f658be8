"""Service accounts of a real API server, as pods have them: a token, a certificate to trust, and two variables."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from tests.cluster_fixture import ApiServer

_COUNTER: Final = itertools.count(1)
_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class Account:
    """One service account. Its tokens are bound to a Secret each, and end with it."""

    api_server: ApiServer
    namespace: str
    name: str
    _bound_to: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, api_server: ApiServer, name: str) -> Account:
        """One that may do nothing yet, in a new namespace of its own."""
        namespace = f"account-{name}-{next(_COUNTER)}"
        api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        return cls(api_server, namespace, name)

    @property
    def user(self) -> str:
        """What the API server calls it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def subject(self) -> Mapping[str, str]:
        """It, as a role binding names it."""
        return {"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}

    def bind(self, role: str) -> None:
        """Give it a ClusterRole everywhere."""
        body = {
            "metadata": {"name": f"{self.namespace}-{self.name}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [self.subject],
        }
        self.api_server.do("POST", f"{_BINDINGS}/clusterrolebindings", body)

    def token(self, *, renewed: bool = False) -> str:
        """A token of its own; with `renewed` all that were given before end."""
        secrets = f"/api/v1/namespaces/{self.namespace}/secrets"
        name = f"bound-{next(_COUNTER)}"
        made: Mapping[str, Any] = self.api_server.do("POST", secrets, {"metadata": {"name": name}})
        reference = {"apiVersion": "v1", "kind": "Secret", "name": name, "uid": made["metadata"]["uid"]}
        answer: Mapping[str, Any] = self.api_server.do(
            "POST",
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}/token",
            {"spec": {"boundObjectRef": reference}},
        )
        while renewed and self._bound_to:
            self.api_server.do("DELETE", f"{secrets}/{self._bound_to.pop()}")
        self._bound_to.append(name)
        token: str = answer["status"]["token"]
        return token

    def files(self, *, renewed: bool = False) -> Mapping[str, str]:
        """What the kubelet mounts into a pod of the account."""
        return {"token": self.token(renewed=renewed), "ca.crt": self.authority, "namespace": self.namespace}

    @property
    def authority(self) -> str:
        """The certificate to trust."""
        content = yaml.safe_load(self.api_server.kubeconfig.read_text(encoding="utf-8"))
        return base64.b64decode(content["clusters"][0]["cluster"]["certificate-authority-data"]).decode()

    def environ(self) -> Mapping[str, str]:
        """Where pods find the API server."""
        address = urlsplit(self.api_server.server)
        return {"KUBERNETES_SERVICE_HOST": str(address.hostname), "KUBERNETES_SERVICE_PORT": str(address.port)}
