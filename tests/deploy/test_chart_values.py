"""The chart's values: what cannot work is refused by a sentence, and what is ordinary is taken as it is meant."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
import yaml

from tools import manifests

Object = Mapping[str, Any]

_OWN: Final[Object] = {
    "clusters": [{"name": "in-cluster", "inCluster": True}],
    "include": ["applications.d/*.yaml"],
    "log": {"format": "json"},
    "server": {"listen": ":8080"},
    "state": {"dir": "/var/lib/gitopsd/state", "cacheDir": "/var/cache/gitopsd/cache"},
}


def test_what_an_api_server_would_refuse_is_refused_before() -> None:
    said = _refused(
        {
            "rbac": {"preset": "namespaced", "namespaces": ["a", "b", "a"]},
            "env": [{"name": "A", "value": 1}, {"value": "1"}],
            "persistence": {"accessModes": []},
            "volumes": [{"emptyDir": {}}],
            "volumeMounts": [{"name": "more"}],
            "config": {"server": ":8080", "state": {"dir": ""}},
        }
    )
    for each in (
        "rbac.namespaces: items at 0 and 2 are equal",
        "env[0].value: got number, want string",
        "env[1]: missing property 'name'",
        "persistence.accessModes: minItems",
        "volumes[0]: missing property 'name'",
        "volumeMounts[0]: missing property 'mountPath'",
        "config.server: got string, want null or object",
        "config.state.dir: minLength",
    ):
        assert each in said


def test_volumes_and_mounts_of_the_charts_own_are_refused() -> None:
    spec = _spec(_charted({"persistence": {"enabled": False}}))
    names = [each["name"] for each in spec["volumes"]]
    said = _refused({"volumes": [{"name": name, "emptyDir": {}} for name in (*names, "more")]})
    assert f"volumes: the chart itself has volumes with the names {', '.join(names)}\n" in said
    paths = [each["mountPath"] for each in spec["containers"][0]["volumeMounts"]]
    said = _refused({"volumeMounts": [{"name": "more", "mountPath": path} for path in (*paths, "/tmp/", "/more")]})
    assert f"volumeMounts: the chart itself mounts {', '.join(paths)}, /tmp/\n" in said


@pytest.mark.parametrize("values", [{"create": False}, {"create": False, "name": None}])
def test_an_account_that_the_chart_does_not_make_has_to_be_named(values: Object) -> None:
    said = _refused({"serviceAccount": values})
    assert "serviceAccount.create is false, so serviceAccount.name has to name the account" in said
    objects = _charted({"serviceAccount": {**values, "name": "there"}})
    assert _spec(objects)["serviceAccountName"] == "there"
    assert "ServiceAccount/there" not in objects


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"config": {"state": {"dir": "state"}}}, "config.state.dir is state"),
        ({"config": {"state": {"dir": "/var/lib/gitopsd/../x"}}}, "config.state.dir is"),
        # Its own mode is the kubelet's, with which the daemon refuses it.
        ({"config": {"state": {"dir": "/var/lib/gitopsd/"}}}, "config.state.dir is"),
        ({"config": {"state": {"cacheDir": "/etc/gitopsd/cache"}}}, "config.state.cacheDir is /etc/gitopsd/cache"),
        (
            {
                "config": {"state": {"cacheDir": "/big/cache"}},
                "volumeMounts": [{"name": "big", "mountPath": "/big", "readOnly": True}],
            },
            "config.state.cacheDir is /big/cache",
        ),
    ],
)
def test_a_state_where_nothing_can_be_written_is_refused(values: Object, said: str) -> None:
    refused = _refused(values)
    assert said in refused
    assert "cannot write" in refused


@pytest.mark.parametrize(
    "state",
    [
        {"dir": "/tmp/state", "cacheDir": "/var/lib/gitopsd/a/b"},
        {"dir": "/big", "cacheDir": "/big/cache/"},
        {"dir": "${FOLDER}/state", "cacheDir": "${CACHE}"},
    ],
)
def test_a_state_where_the_container_can_write_is_taken(state: Object) -> None:
    mount = {"name": "big", "mountPath": "/big/"}
    assert _config({"config": {"state": state}, "volumeMounts": [mount]})["state"] == state


@pytest.mark.parametrize(
    "config",
    [
        None,
        dict.fromkeys(_OWN),
        {"server": {"listen": None}, "state": {"dir": None, "cacheDir": None}, "log": {"format": None}},
    ],
)
def test_a_null_in_the_configuration_says_nothing(config: Object | None) -> None:
    assert _config({"config": config}) == _OWN


def test_a_null_beside_what_is_said_leaves_the_rest() -> None:
    said: Object = {"log": {"format": None, "level": "debug"}, "clusters": [], "git": None}
    expected = {**_OWN, "log": {"format": "json", "level": "debug"}, "clusters": [], "git": None}
    assert _config({"config": said}) == expected


def test_a_null_in_the_place_of_what_the_chart_needs_is_refused() -> None:
    schema = json.loads((manifests.CHART / "values.schema.json").read_text(encoding="utf-8"))
    needed: Sequence[str] = schema["required"]
    said = _refused(dict.fromkeys(needed))
    assert [name for name in needed if f"'{name}'" not in said] == []
    inner = {
        name: dict.fromkeys(schema["properties"][name]["required"])
        for name in needed
        if "required" in schema["properties"][name]
    }
    said = _refused(inner)
    assert [key for keys in inner.values() for key in keys if f"'{key}'" not in said] == []


def test_the_other_values_may_be_null() -> None:
    """As in a values file where everything below a key is a comment."""
    schema = json.loads((manifests.CHART / "values.schema.json").read_text(encoding="utf-8"))
    values: dict[str, Any] = {}
    for name, told in schema["properties"].items():
        if name == "global":
            continue
        if name not in schema["required"]:
            values[name] = None
        else:
            values[name] = dict.fromkeys(set(told["properties"]) - set(told.get("required", ())))
    objects = _charted(values)
    assert set(objects) | {"NetworkPolicy/gitopsd"} == set(_charted({}))
    assert not any(value is None for value in _spec(objects).values())


def test_names_that_look_like_something_else_in_yaml_stay_names() -> None:
    values = {
        "priorityClassName": "123",
        "persistence": {"storageClass": "5e3"},
        "serviceAccount": {"name": "0"},
        "credentials": {"secretName": "true"},
        "rbac": {"preset": "namespaced", "namespaces": ["123"]},
    }
    objects = _charted(values, release="007", namespace="1e1")
    workload = objects["StatefulSet/007-gitopsd"]
    spec = workload["spec"]["template"]["spec"]
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert spec["priorityClassName"] == "123"
    assert claim["spec"]["storageClassName"] == "5e3"
    assert spec["serviceAccountName"] == "0"
    assert "true" in [each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each]
    assert objects["Role/007-gitopsd"]["metadata"]["namespace"] == "123"
    assert objects["RoleBinding/007-gitopsd"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "0", "namespace": "1e1"}
    ]
    for each in objects.values():
        assert each["metadata"]["namespace"] in ("1e1", "123")
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "007"


def _spec(objects: Object) -> Object:
    found: Object = objects["StatefulSet/gitopsd"]["spec"]["template"]["spec"]
    return found


def _config(values: Object) -> Object:
    """The daemon's configuration that the chart makes."""
    found: Object = yaml.safe_load(_charted(values)["ConfigMap/gitopsd"]["data"]["gitopsd.yaml"])
    return found


def _refused(values: Object) -> str:
    """Why the chart makes nothing of these values."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _charted(values)
    return str(caught.value.stderr)


def _charted(values: Object, *, release: str = "gitopsd", namespace: str = "gitopsd") -> dict[str, Object]:
    """What the chart makes of the values, by kind and name."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        text = manifests.rendered(manifests.CHART, "--name", release, "-n", namespace, "-f", file.name)
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in yaml.safe_load_all(text) if each}
