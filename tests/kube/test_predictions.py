"""Dry-runs on a real API server: what they are compared with."""

from gitopsd.core.compare import Verdict, compare
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.permit import permit_object
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster
from gitopsd.testing.builders import a_config_map, an_app, an_object
from tests.cluster_fixture import ApiServer
from tests.contracts.cluster_contract import desired


def verdict(wanted: DesiredObject, live: LiveObject, prediction: Prediction) -> tuple[Verdict, tuple[str, ...]]:
    """What a comparison makes of a prediction, where ownership does not answer before."""
    found = compare(Desired((wanted,), "d"), Live({wanted.key: live}), {wanted.key: prediction})
    return found.objects[wanted.key].verdict, found.objects[wanted.key].changes


async def test_what_somebody_changed_since_the_last_look_does_not_look_like_a_change_of_ours(
    cluster: KubeCluster, api_server: ApiServer, namespace: str, requests: list[RequestMade]
) -> None:
    app = AppName(f"shop-{namespace}")
    wanted = desired(a_config_map("settings", namespace=namespace), app)
    live = await cluster.apply(permit_object(an_app(), wanted.key), wanted)
    body = {"metadata": {"annotations": {"somebody": "else"}}}
    api_server.do("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/settings", body)
    again = desired(a_config_map("settings", {"colour": "red"}, namespace=namespace), app)
    (prediction,) = await cluster.predict([(again, live)])
    assert verdict(again, live, prediction) == (Verdict.CHANGED, ("data.colour",))
    now = await cluster.apply(permit_object(an_app(), again.key), again)
    del requests[:]
    (prediction,) = await cluster.predict([(wanted, now)])
    assert verdict(wanted, now, prediction) == (Verdict.CHANGED, ("data.colour",))
    assert [request.verb for request in requests] == ["dry-run"], "one request where nothing came between"


async def test_an_object_watched_at_another_version_is_compared_at_the_one_in_git(
    cluster: KubeCluster, namespace: str
) -> None:
    app = AppName(f"shop-{namespace}")
    target: JsonObject = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 3,
    }
    newer = desired(
        an_object("HorizontalPodAutoscaler", "web", namespace=namespace, api_version="autoscaling/v2", spec=target), app
    )
    live = await cluster.apply(permit_object(an_app(), newer.key), newer)
    older = desired(
        an_object(
            "HorizontalPodAutoscaler",
            "web",
            namespace=namespace,
            api_version="autoscaling/v1",
            spec={**target, "targetCPUUtilizationPercentage": 80},
        ),
        app,
    )
    (prediction,) = await cluster.predict([(older, live)])
    assert prediction.current is not None
    assert prediction.current.body()["apiVersion"] == "autoscaling/v1"


async def test_a_manifest_at_which_the_api_server_stumbles_is_its_own_trouble_alone(
    cluster: KubeCluster, namespace: str
) -> None:
    app = AppName(f"shop-{namespace}")
    unnamed = desired(an_object("ServiceAccount", "robot", namespace=namespace, secrets=[{"name": ""}]), app)
    settings = desired(a_config_map("settings", namespace=namespace), app)
    applied = [(one, await cluster.apply(permit_object(an_app(), one.key), one)) for one in (unnamed, settings)]
    refused, fine = await cluster.predict(applied)
    assert refused.document is None
    assert "omits all key fields" in refused.error
    assert fine.document is not None
