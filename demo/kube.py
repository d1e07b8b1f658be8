"""A very small kubectl for the demo's cluster: get, delete, logs.

demo/kube.py get deployments -n guestbook
demo/kube.py delete deployment frontend -n guestbook
demo/kube.py logs -l app=frontend -n guestbook
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from demo.place import ROOT

_CLUSTER: Final = ROOT / ".demo" / "cluster"
_CORE: Final = "api/v1"
_GROUPS: Final = {
    "configmaps": _CORE,
    "pods": _CORE,
    "secrets": _CORE,
    "services": _CORE,
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "statefulsets": "apis/apps/v1",
    "jobs": "apis/batch/v1",
    "backups": "apis/demo.gitopsd.io/v1",
}


class RefusedError(Exception):
    """The API server did not do it."""


def main(arguments: Sequence[str]) -> int:
    """Do one thing; returns the exit code."""
    parser = argparse.ArgumentParser(description="A very small kubectl for the demo's cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("get", "delete", "logs"):
        added = commands.add_parser(command)
        if command != "logs":
            added.add_argument("kind", type=_plural, choices=sorted(_GROUPS))
        added.add_argument("name", nargs=None if command == "delete" else "?")
        added.add_argument("-n", "--namespace", required=True)
        added.add_argument("-l", "--selector", default="")
    told = parser.parse_args(arguments)
    try:
        if told.command == "get":
            _get(told.kind, told.name, told.namespace, told.selector)
        elif told.command == "delete":
            _ask("DELETE", _path(told.kind, told.namespace, told.name))
            print(f"{told.kind}/{told.name} deleted")
        else:
            _logs(told.name, told.namespace, told.selector)
    except RefusedError as error:
        print(f"kube: {error}", file=sys.stderr)
        return 1
    return 0


def _get(kind: str, name: str | None, namespace: str, selector: str) -> None:
    if name:
        print(json.dumps(_ask("GET", _path(kind, namespace, name)), indent=2))
        return
    for item in _list(kind, namespace, selector):
        status = item.get("status", {})
        ready = f"{status.get('readyReplicas', 0)}/{item['spec'].get('replicas', 0)}" if "replicas" in status else ""
        print(f"{item['metadata']['name']:40} {status.get('phase', ready):12} {item['metadata']['creationTimestamp']}")


def _logs(name: str | None, namespace: str, selector: str) -> None:
    names = [name] if name else [item["metadata"]["name"] for item in _list("pods", namespace, selector)]
    for pod in names:
        for line in _send("GET", _path("pods", namespace, pod) + "/log").decode().splitlines():
            print(f"{pod}: {line}")


def _list(kind: str, namespace: str, selector: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _ask("GET", f"{_path(kind, namespace)}?{urlencode({'labelSelector': selector})}")[
        "items"
    ]
    return items


def _plural(kind: str) -> str:
    return kind if kind in _GROUPS else f"{kind}s"


def _path(kind: str, namespace: str, name: str = "") -> str:
    path = f"/{_GROUPS[kind]}/namespaces/{quote(namespace, safe='')}/{kind}"
    return f"{path}/{quote(name, safe='')}" if name else path


def _ask(method: str, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_send(method, path))
    return answer


def _send(method: str, path: str) -> bytes:
    """The answer's body, as the cluster's administrator. Raises `RefusedError`."""
    try:
        ready = json.loads((_CLUSTER / "ready.json").read_text(encoding="utf-8"))
        pki = _CLUSTER / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        address = urlsplit(ready["server"])
        connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=30)
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except FileNotFoundError:
        raise RefusedError("the demo does not run; start it by `make demo`") from None
    except OSError as error:
        raise RefusedError(f"the cluster does not answer: {error}") from None
    if response.status >= 300:
        try:
            why = json.loads(body)["message"]
        except (ValueError, KeyError):
            why = body.decode(errors="replace")
        raise RefusedError(why)
    return body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
