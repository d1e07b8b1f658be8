"""What git leaves empty where it had something before."""

import json
from typing import Any

from gitopsd.core.compare import Verdict, compare
from gitopsd.core.ids import AppName
from gitopsd.core.live import Live
from gitopsd.core.manifest import Desired
from gitopsd.core.permit import permit_object
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import a_config_map, a_deployment, an_app
from tests.contracts.cluster_contract import desired


async def test_one_sync_is_enough_where_a_field_was_emptied(cluster: KubeCluster, namespace: str) -> None:
    app = AppName(f"shop-{namespace}")
    spread = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}
    body: dict[str, Any] = json.loads(json.dumps(a_deployment("web", namespace=namespace, replicas=0)))
    pod = body["spec"]["template"]["spec"]
    pod["affinity"] = spread
    full = desired(body, app)
    await cluster.apply(permit_object(an_app(), full.key), full)
    pod["affinity"] = {}
    emptied = desired(body, app)
    live = await cluster.apply(permit_object(an_app(), emptied.key), emptied)
    (prediction,) = await cluster.predict([(emptied, live)])
    found = compare(Desired((emptied,), "d"), Live({emptied.key: live}), {emptied.key: prediction})
    assert found.objects[emptied.key].verdict is Verdict.SYNCED


async def test_an_object_is_applied_once_where_nothing_was_emptied(
    cluster: KubeCluster, namespace: str, requests: list[RequestMade]
) -> None:
    app = AppName(f"shop-{namespace}")
    for colour in ("green", "red"):
        wanted = desired(a_config_map("settings", {"colour": colour}, namespace=namespace), app)
        await cluster.apply(permit_object(an_app(), wanted.key), wanted)
    new = desired({**a_config_map("new", namespace=namespace), "binaryData": {}}, app)
    await cluster.apply(permit_object(an_app(), new.key), new)
    assert [request.verb for request in requests].count("apply") == 3
