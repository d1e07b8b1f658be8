"""Argo CD's Secrets of one kind in a namespace: it finds them by a label.

https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from gitopsd.core.jsonvalue import JsonObject, mapping, objects, string_map, text
from gitopsd.kube.body import parsed_list
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.refusal import Asked, refused

TYPE_LABEL: Final = "argocd.argoproj.io/secret-type"
_PAGE: Final = 200
_MOST: Final = 10_000
_LONGEST: Final = 64 * 1024


async def list_secrets(http: KubeHttp, namespace: str, kind: str) -> Sequence[JsonObject]:
    """The Secrets whose label says `kind`, at most ten thousand. Raises `ClusterError`."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"
    query = {"labelSelector": f"{TYPE_LABEL}={kind}", "limit": str(_PAGE)}
    asked = Asked(http.cluster, "list", "Secret")
    found: list[JsonObject] = []
    while len(found) < _MOST:
        answer = await http.call("GET", path, query=query, verb="list", kind="Secret")
        if not answer.ok:
            raise refused(asked, answer)
        page = parsed_list(answer.body, asked)
        found += objects(page, "items")
        query["continue"] = text(mapping(page, "metadata"), "continue")
        if not query["continue"]:
            break
    return found


def decoded_data(secret: JsonObject) -> Mapping[str, str]:
    """The decoded values; one that is no text, or too long, is as if it were not there."""
    found: dict[str, str] = {}
    for key, value in string_map(secret, "data").items():
        try:
            plain = base64.b64decode(value, validate=True)
            found[key] = plain.decode() if len(plain) <= _LONGEST else ""
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
    return found
