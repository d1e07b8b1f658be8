"""A mutating webhook on the loopback: what sidecar injectors and defaulting policies do to objects.

It changes objects with the label `inject` alone. Twice is as once.
"""

from __future__ import annotations

import base64
import copy
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.sources.certificates import Authority

LABEL: Final = "inject"
"""With the value `yes` it adds to an object, with `force` it also has its own way in fields that git may have."""

Body = dict[str, Any]
_PODS: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def injected(body: Body) -> Body:
    """The object as the webhook wants it."""
    made = copy.deepcopy(body)
    value = made["metadata"].get("labels", {}).get(LABEL)
    if value is None:
        return made
    made["metadata"].setdefault("labels", {})["injected.example.org"] = "true"
    made["metadata"].setdefault("annotations", {})["injected.example.org/by"] = "injector"
    if made["kind"] in _PODS:
        _into_pod(made, force=value == "force")
    elif made["kind"] == "ConfigMap":
        made.setdefault("data", {})["injected"] = "true"
        if value == "force" and "a" in made["data"]:
            made["data"]["a"] = "forced"
    elif made["kind"] == "Thing":
        made.setdefault("spec", {}).setdefault("injected", "true")
    return made


@contextmanager
def injector(folder: Path) -> Iterator[Body]:
    """Serve it, and give the MutatingWebhookConfiguration that leads to it."""
    authority = Authority("injector")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server(folder / "injector.pem", "127.0.0.1"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield _configuration(server.server_address[1], authority.pem)
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def _into_pod(made: Body, *, force: bool) -> None:
    here = made
    for step in _PODS[made["kind"]]:
        here = here.get(step) or {}
    spec = here.get("spec") or {}
    if not spec.get("containers"):
        return
    here.setdefault("metadata", {}).setdefault("labels", {})["injected.example.org"] = "true"
    if all(container["name"] != "injected" for container in spec["containers"]):
        spec["containers"].insert(0, {"name": "injected", "image": "registry.example.org/proxy:1"})
    for container in spec["containers"]:
        requests = container.setdefault("resources", {}).setdefault("requests", {})
        requests.setdefault("cpu", "10m")
        if force:
            container["imagePullPolicy"] = "Always"


def _configuration(port: int, ca: str) -> Body:
    resources = ["deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "configmaps", "secrets", "services"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "injector"},
        "webhooks": [
            {
                "name": "injector.example.org",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 20,
                "clientConfig": {
                    "url": f"https://127.0.0.1:{port}/inject",
                    "caBundle": base64.b64encode(ca.encode()).decode(),
                },
                "objectSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
                "rules": [
                    {
                        "apiGroups": ["", "apps", "batch", "truth.example.org"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [*resources, "things"],
                    }
                ],
            }
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer an AdmissionReview."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        body = request["object"]
        after = injected(body)
        patch = [{"op": "replace" if name in body else "add", "path": f"/{name}", "value": item}
                 for name, item in after.items() if item != body.get(name)]  # fmt: skip
        response = {"uid": request["uid"], "allowed": True}
        if patch:
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Say nothing."""
