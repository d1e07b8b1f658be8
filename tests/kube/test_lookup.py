"""What Helm's `lookup` sees of a cluster."""

import orjson
import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GVK
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import a_config_map
from tests.cluster_fixture import ApiServer

CONFIG_MAP = GVK("", "v1", "ConfigMap")


async def test_one_object_a_namespaces_list_and_what_is_not_there(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    for name in ("one", "two"):
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", a_config_map(name, namespace=namespace))
    one = orjson.loads(await cluster.look_up(CONFIG_MAP, namespace, "one"))
    assert one["data"] == {"colour": "green"}
    listed = orjson.loads(await cluster.look_up(CONFIG_MAP, namespace, ""))
    assert {"one", "two"} <= {item["metadata"]["name"] for item in listed["items"]}
    assert orjson.loads(await cluster.look_up(CONFIG_MAP, namespace, "three")) == {}
    everywhere = orjson.loads(await cluster.look_up(GVK("scheduling.k8s.io", "v1", "PriorityClass"), "", ""))
    assert "system-node-critical" in {item["metadata"]["name"] for item in everywhere["items"]}
    assert orjson.loads(await cluster.look_up(GVK("", "v1", "Namespace"), "", namespace))["kind"] == "Namespace"


async def test_N1_an_account_sees_what_it_may_see(cluster: KubeCluster, api_server: ApiServer, namespace: str) -> None:
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", a_config_map("one", namespace=namespace))
    nobody = ServiceAccount(namespace, "nobody").user
    for name in ("one", ""):
        with pytest.raises(ClusterError, match="nobody"):
            await cluster.look_up(CONFIG_MAP, namespace, name, impersonate=nobody)


async def test_a_kind_that_is_not_served_is_an_error(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(ClusterError, match="does not serve"):
        await cluster.look_up(GVK("nowhere.example.org", "v1", "Ghost"), namespace, "one")


async def test_P8_a_name_that_is_a_path_asks_for_nothing_else(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(ClusterError, match="cannot be used"):
        await cluster.look_up(CONFIG_MAP, f"../{namespace}", "one")
    with pytest.raises(ClusterError, match="cannot be used"):
        await cluster.look_up(CONFIG_MAP, namespace, "../secrets/one")
