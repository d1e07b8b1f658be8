"""A mutating admission webhook that does to objects what a test tells it."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Mutate = Callable[[dict[str, Any]], list[dict[str, Any]]]
"""From an object to the JSON patch that it gets (https://jsonpatch.com)."""


class MutatingWebhook:
    """Serves on 127.0.0.1 with `certificate` (PEM: chain and key). `seen` counts the objects that came by."""

    def __init__(self, certificate: Path, mutate: Mutate) -> None:
        self._certificate = certificate
        self._mutate = mutate
        self.seen = 0

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def configuration(self, name: str, ca: str, *, resources: tuple[str, ...], namespace: str) -> dict[str, Any]:
        """The MutatingWebhookConfiguration that sends it the objects of a namespace."""
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [
                {
                    "name": f"{name}.example.org",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "timeoutSeconds": 5,
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{self._http.server_address[1]}/",
                        "caBundle": base64.b64encode(ca.encode()).decode(),
                    },
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                    "rules": [
                        {
                            "apiGroups": ["*"],
                            "apiVersions": ["*"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": list(resources),
                        }
                    ],
                }
            ],
        }

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to an AdmissionReview."""
        self.seen += 1
        request = asked["request"]
        patch = base64.b64encode(json.dumps(self._mutate(request["object"])).encode()).decode()
        answer = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}


class _Handler(BaseHTTPRequestHandler):
    owner: MutatingWebhook

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.owner.review(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name for it
        """Say nothing."""
