"""The kinds of the Prometheus operator, as far as they are used here, defined in a test's API server.

Source: the operator's own definitions, https://github.com/prometheus-operator/prometheus-operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.cluster_fixture import ApiServer

_Schema = Mapping[str, object]

_GROUP: Final = "monitoring.coreos.com"
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_TEXT: Final[_Schema] = {"type": "string"}
_TEXTS: Final[_Schema] = {"type": "object", "additionalProperties": _TEXT}
_DURATION: Final[_Schema] = {"type": "string", "pattern": "^(0|(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?)$"}


def _object(properties: Mapping[str, _Schema], required: Sequence[str] = ()) -> _Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(item: _Schema) -> _Schema:
    return {"type": "array", "items": item}


_ENDPOINT: Final = _object(
    {"port": _TEXT, "path": _TEXT, "interval": _DURATION, "honorLabels": {"type": "boolean"}},
)
_RULE: Final = _object(
    {
        "alert": _TEXT,
        "record": _TEXT,
        "expr": {"anyOf": [{"type": "integer"}, _TEXT], "x-kubernetes-int-or-string": True},
        "for": _DURATION,
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
    ["expr"],
)
_GROUPS: Final[_Schema] = {
    **_list(_object({"name": {"type": "string", "minLength": 1}, "rules": _list(_RULE)}, ["name"])),
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}
_SPECS: Final[Mapping[str, _Schema]] = {
    "ServiceMonitor": _object(
        {"jobLabel": _TEXT, "selector": _object({"matchLabels": _TEXTS}), "endpoints": _list(_ENDPOINT)},
        ["selector", "endpoints"],
    ),
    "PrometheusRule": _object({"groups": _GROUPS}),
}


def define(api_server: ApiServer) -> None:
    """Have the API server know ServiceMonitor and PrometheusRule; nothing happens where it does."""
    for kind, spec in _SPECS.items():
        _define(api_server, kind, spec)
    # Served a moment after they were made; each look takes some milliseconds.
    assert any(all(_is_served(api_server, kind) for kind in _SPECS) for _ in range(1000))


def _define(api_server: ApiServer, kind: str, spec: _Schema) -> None:
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    schema = {"openAPIV3Schema": _object({"spec": spec}, ["spec"])}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{_GROUP}"},
        "spec": {"group": _GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    status, answer = api_server.request("POST", _DEFINITIONS, body)
    assert status in (201, 409), answer


def _is_served(api_server: ApiServer, kind: str) -> bool:
    try:
        return bool(api_server.request("GET", f"/apis/{_GROUP}/v1/{kind.lower()}s")[0] == 200)
    except ValueError:  # a plain text says that there is no such page
        return False
