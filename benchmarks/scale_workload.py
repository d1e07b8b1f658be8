"""Thousands of applications of twenty objects each, in one repository, and the same in a cluster in seconds.

One application is applied in the ordinary way, by gitopsd itself; the others' objects are copies of what the API server
and its controllers made of it, put into etcd under their own names and uids.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from benchmarks.api import Api
from benchmarks.etcd import Stored

OBJECTS: Final = 20
_CONFIGMAPS, _SECRETS, _SERVICES, _DEPLOYMENTS = 11, 4, 2, 2
_GIT: Final = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
_DIGITS: Final = 5
# Path at the API server → path in etcd.
_NAMESPACED: Final = {
    "/api/v1/namespaces/{}/configmaps": "configmaps",
    "/api/v1/namespaces/{}/secrets": "secrets",
    "/api/v1/namespaces/{}/services": "services/specs",
    "/api/v1/namespaces/{}/serviceaccounts": "serviceaccounts",
    "/apis/apps/v1/namespaces/{}/deployments": "deployments",
    "/apis/apps/v1/namespaces/{}/replicasets": "replicasets",
}
LISTED: Final = (
    "/api/v1/namespaces",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/api/v1/pods",
)
"""The kinds that gitopsd watches for these applications."""


def app_name(number: int) -> str:
    """The application, and its namespace."""
    return f"app-{number:0{_DIGITS}d}"


def make_repository(folder: Path, count: int) -> Path:
    """A bare repository with a folder for each application; its path."""
    tree, bare = folder / "tree", folder / "scale.git"
    for number in range(count):
        place = tree / app_name(number)
        place.mkdir(parents=True)
        (place / "all.yaml").write_text("---\n".join(_manifests(app_name(number))))
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    _git(tree, "init", "--quiet", "--initial-branch=main", ".")
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", "first")
    _git(tree, "push", "--quiet", str(bare), "main")
    return bare


def write_config(path: Path, bare: Path, kubeconfig: Path, state: Path, count: int) -> None:
    """The daemon's configuration for the first `count` applications."""
    lines = [
        "server: {listen: 127.0.0.1:0}",
        f"state: {{dir: {state}}}",
        "clusters:",
        f"  - {{name: local, kubeconfig: {kubeconfig}}}",
        f"repositories: [{{url: {bare}}}]",
        "applications:",
    ]
    for name in map(app_name, range(count)):
        lines += [
            f"  - name: {name}",
            f"    source: {{repoURL: {bare}, targetRevision: main, path: {name}}}",
            f"    destination: {{name: local, namespace: {name}}}",
            "    syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}",
        ]
    path.write_text("\n".join(lines) + "\n")


@dataclass(frozen=True, slots=True)
class Template:
    """The objects of the first application as they are in the cluster: path in etcd, JSON, and the uids in it."""

    stored: Sequence[tuple[str, bytes, Sequence[str]]]

    def copies(self, numbers: range) -> Iterator[Stored]:
        """The objects of the applications with these numbers."""
        first = app_name(0)
        for number in numbers:
            name, mark = app_name(number), f"{number:0{_DIGITS}d}"
            for path, body, uids in self.stored:
                copy = body.replace(first.encode(), name.encode())
                for uid in uids:
                    copy = copy.replace(uid.encode(), f"{uid[:-_DIGITS]}{mark}".encode())
                yield path.replace(first, name), copy


async def read_template(api: Api) -> Template:
    """What is in the first application's namespace, and the namespace itself."""
    first = app_name(0)
    namespace = orjson.loads(await api.get(f"/api/v1/namespaces/{first}"))
    found = [(f"namespaces/{first}", namespace)]
    for path, place in _NAMESPACED.items():
        page = orjson.loads(await api.get(path.format(first)))
        kind, version = page["kind"].removesuffix("List"), page["apiVersion"]
        for item in page["items"]:
            body = {"apiVersion": version, "kind": kind, **item}
            found.append((f"{place}/{first}/{item['metadata']['name']}", body))
    for _, item in found:
        del item["metadata"]["resourceVersion"]
    uids = [item["metadata"]["uid"] for _, item in found]
    bodies = [(path, orjson.dumps(item)) for path, item in found]
    return Template([(path, body, [uid for uid in uids if uid.encode() in body]) for path, body in bodies])


def unmanaged(count: int, kind: str = "ConfigMap", place: str = "configmaps") -> Iterator[Stored]:
    """Objects that no application tracks, a thousand in each namespace."""
    for number in range(count):
        namespace, name = f"team-{number // 1000:04d}", f"settings-of-somebody-{number:06d}"
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"00000000-0000-4000-8000-{number:012d}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/managed-by": "somebody"},
        }
        body = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
        yield (
            f"{place}/{namespace}/{name}",
            orjson.dumps(body | ({"data": {"key": "x" * 200}} if kind == "ConfigMap" else {})),
        )


def _manifests(name: str) -> Iterator[str]:
    for number in range(_CONFIGMAPS):
        yield _configmap(name, number)
    for number in range(_SECRETS):
        yield f"""apiVersion: v1
kind: Secret
metadata: {{name: credentials-{number}, labels: {{app.kubernetes.io/part-of: {name}}}}}
type: Opaque
data: {{username: YmVuY2g=, password: c29tZSB2YWx1ZSB0aGF0IGlzIG5vdCBzZWNyZXQgYXQgYWxs}}
"""
    for number in range(_SERVICES):
        yield f"""apiVersion: v1
kind: Service
metadata: {{name: web-{number}, labels: {{app.kubernetes.io/part-of: {name}}}}}
spec:
  clusterIP: None
  ports: [{{name: http, port: 80, targetPort: 8080}}, {{name: metrics, port: 9090}}]
"""
    for number in range(_DEPLOYMENTS):
        yield _deployment(name, number)
    yield f"""apiVersion: v1
kind: ServiceAccount
metadata: {{name: web, labels: {{app.kubernetes.io/part-of: {name}}}}}
automountServiceAccountToken: false
"""


def _configmap(name: str, number: int) -> str:
    return f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: settings-{number}
  labels: {{app.kubernetes.io/part-of: {name}, app.kubernetes.io/component: settings}}
data:
  log.level: info
  cache.size: "64"
  endpoint: https://{name}.example.org/api/{number}
  settings.yaml: |
    server: {{host: 0.0.0.0, port: 8080, timeout: 30s}}
    database: {{host: db.{name}.svc, pool: 16, name: main}}
    features: [search, export, audit, billing]
"""


def _deployment(name: str, number: int) -> str:
    labels = f"{{app.kubernetes.io/name: web-{number}, app.kubernetes.io/part-of: {name}}}"
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: web-{number}, labels: {labels}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app.kubernetes.io/name: web-{number}}}}}
  template:
    metadata: {{labels: {labels}}}
    spec:
      serviceAccountName: web
      containers:
        - name: main
          image: registry.example.org/web:1.{number}
          ports: [{{name: http, containerPort: 8080}}, {{name: metrics, containerPort: 9090}}]
          env:
            - {{name: LOG_LEVEL, valueFrom: {{configMapKeyRef: {{name: settings-0, key: log.level}}}}}}
            - {{name: PASSWORD, valueFrom: {{secretKeyRef: {{name: credentials-0, key: password}}}}}}
          readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 5}}
          resources: {{requests: {{cpu: 100m, memory: 128Mi}}, limits: {{memory: 256Mi}}}}
"""


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, check=True, capture_output=True)
