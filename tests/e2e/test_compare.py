"""Nothing is OutOfSync for ever: what webhooks, defaults, controllers and other managers do to objects, and what is
ignored on purpose.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitopsd.core.appstatus import AppStatus
from gitopsd.testing.webhook import MutatingWebhook
from tests.e2e.conditions import healthy, out_of_sync, quiet, resource, says, synced
from tests.e2e.manifests import config_map, definition, deployment, manifest
from tests.e2e.world import Running, World
from tests.sources.certificates import Authority

TEMPLATE: dict[str, Any] = {
    "metadata": {"creationTimestamp": None, "labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "registry.example.org/main:1",
                "env": [],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
                "ports": [{"containerPort": 80}],
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}}],
    },
}


# Of these ownership does not tell whether they are synced: empty lists, defaults in what is owned as one piece, fields
# that somebody took over.
DOUBTFUL = frozenset(
    {
        "cronjobs",
        "customresourcedefinitions",
        "deployments",
        "horizontalpodautoscalers",
        "limitranges",
        "networkpolicies",
        "roles",
        "statefulsets",
        "widgets",
    }
)


async def rehearsed(world: World) -> list[str]:
    """Of which objects (as `kind/name`) the daemon asked dry-runs so far."""
    asked = [entry["objectRef"] for entry in await world.cluster.audit(world.user) if "dryRun" in entry["requestURI"]]
    return [f"{item['resource']}/{item['name']}" for item in asked]


async def dry_runs(world: World) -> int:
    """How many dry-runs the daemon asked for so far."""
    return len(await rehearsed(world))


async def stays_synced(world: World, daemon: Running, name: str = "app") -> AppStatus:
    """The application is synced, also when everything is looked at anew, and nothing is written for it."""
    await daemon.until(name, synced)
    before = await world.cluster.writes(world.user)
    await daemon.refresh(name, hard=True)
    status = await daemon.until(name, synced)
    assert await world.cluster.writes(world.user) == before
    return status


async def changed(world: World, daemon: Running, path: str, body: object, patch: str = "merge-patch") -> None:
    """Somebody patches an object of `app`, and the daemon has looked."""
    before = len(daemon.events)
    await world.cluster.do("PATCH", world.cluster.path(world.full("app"), path), body, patch=patch)
    await daemon.until_true(lambda: len(daemon.events) > before)


def mutations(namespace: str) -> Any:
    """A stamp that is another one at each write, another image policy, and a sidecar before ours."""
    numbers = itertools.count(1)

    def mutate(body: dict[str, Any]) -> list[dict[str, Any]]:
        assert body["metadata"]["namespace"] == namespace
        number = str(next(numbers))
        patch: list[dict[str, Any]] = [
            {"op": "add", "path": "/metadata/annotations/example.org~1stamp", "value": number},
        ]
        if body["kind"] == "Deployment":
            names = [item["name"] for item in body["spec"]["template"]["spec"]["containers"]]
            sidecar = {"name": "sidecar", "image": f"registry.example.org/sidecar:{number}"}
            if "sidecar" not in names:
                patch.append({"op": "add", "path": "/spec/template/spec/containers/0", "value": sidecar})
            place = names.index("sidecar") if "sidecar" in names else 0
            env = [{"name": "STAMP", "value": number}]
            patch.append({"op": "add", "path": f"/spec/template/spec/containers/{place}/env", "value": env})
        return patch

    return mutate


async def test_what_a_webhook_does_differently_each_time_is_no_difference(world: World, tmp_path: Path) -> None:
    authority = Authority("webhooks")
    certificate = authority.server(tmp_path / "webhook.pem", "127.0.0.1")
    namespace = world.full("app")
    await world.cluster.namespace(namespace)
    place = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    with MutatingWebhook(certificate, mutations(namespace)) as webhook:
        body = webhook.configuration(
            world.full("stamp"), authority.pem, resources=("configmaps", "deployments"), namespace=namespace
        )
        await world.cluster.do("POST", place, body)
        try:
            world.commit({"app/one.yaml": config_map("one"), "app/web.yaml": deployment("web")})
            world.application("app", self_heal=True)
            world.application(
                "mutations",
                "app",
                manual=True,
                destination={"namespace": namespace},
                annotations={"argocd.argoproj.io/compare-options": "IncludeMutationWebhook=true"},
            )
            async with world.daemon() as daemon:
                await stays_synced(world, daemon)
                assert webhook.seen >= 2
                commit = world.commit({"app/web.yaml": deployment("web", replicas=2)})
                await daemon.live("app", commit)
                await stays_synced(world, daemon)
                status = await daemon.until("mutations", out_of_sync)
                assert any("stamp" in path for path in resource(status, "one").changes)
        finally:
            await world.cluster.delete("", f"{place}/{body['metadata']['name']}")


def odd_manifests(world: World) -> dict[str, str]:
    """Objects that API servers write in other words than git has them, or that others write to as well."""
    group = f"e{world.number}.example.org"
    template = TEMPLATE
    rbac = "rbac.authorization.k8s.io/v1"
    free = definition("Widget", group)
    preserving = yaml.safe_load(definition("Gadget", group))
    preserving["spec"]["preserveUnknownFields"] = False
    preserving["status"] = {"conditions": [], "storedVersions": []}
    port = {"port": 80, "targetPort": "http"}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
    return {
        "secret.yaml": manifest("v1", "Secret", "login", stringData={"user": "me"}, data={"also": "eWVz"}),
        "deployment.yaml": manifest(
            "apps/v1",
            "Deployment",
            "web",
            spec={"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template},
            status={"replicas": 7},
        ),
        "stateful.yaml": manifest(
            "apps/v1",
            "StatefulSet",
            "db",
            spec={
                "replicas": 0,
                "serviceName": "db",
                "selector": {"matchLabels": {"app": "web"}},
                "template": template,
                "volumeClaimTemplates": [
                    {"metadata": {"name": "data", "creationTimestamp": None}, "spec": claim, "status": {}}
                ],
            },
        ),
        "cron.yaml": manifest(
            "batch/v1",
            "CronJob",
            "nightly",
            spec={
                "schedule": "0 3 * * *",
                "suspend": True,
                "jobTemplate": {
                    "metadata": {"creationTimestamp": None},
                    "spec": {"template": {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}},
                },
            },
        ),
        "service.yaml": manifest("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [port]}),
        "claim.yaml": manifest("v1", "PersistentVolumeClaim", "data", spec=claim),
        "quota.yaml": manifest("v1", "ResourceQuota", "quota", spec={"hard": {"limits.cpu": "1000", "pods": 10}}),
        "limits.yaml": manifest(
            "v1", "LimitRange", "limits", spec={"limits": [{"type": "Container", "max": {"cpu": "2000m"}}]}
        ),
        "role.yaml": manifest(rbac, "Role", "nothing", rules=[]),
        "account.yaml": manifest("v1", "ServiceAccount", "robot", automountServiceAccountToken=False),
        "hpa.yaml": manifest(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 3,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1000m"}},
                    }
                ],
            },
        ),
        "policy.yaml": manifest("policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": "50%"}),
        "ingress.yaml": manifest(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
            status={"loadBalancer": {}},
        ),
        "network.yaml": manifest(
            "networking.k8s.io/v1", "NetworkPolicy", "closed", spec={"podSelector": {}, "ingress": [], "egress": None}
        ),
        "widgets.yaml": free,
        "gadgets.yaml": yaml.safe_dump(preserving),
        "widget.yaml": manifest(
            f"{group}/v1", "Widget", "first", spec={"cpu": "1000m", "every": "60s", "free": None, "none": [], "of": {}}
        ),
    }


async def test_no_manifest_is_out_of_sync_for_ever_because_of_how_it_is_written(world: World) -> None:
    manifests = {f"app/{name}": text for name, text in odd_manifests(world).items()}
    definitions = {name: text for name, text in manifests.items() if "CustomResourceDefinition" in text}
    world.commit(definitions)
    world.application("app", self_heal=True)
    group = f"e{world.number}.example.org"
    known = {"group": group, "kind": "Widget"}
    world.config["resources"] = {
        "knownTypeFields": [
            {**known, "field": "spec.cpu", "type": "core/Quantity"},
            {**known, "field": "spec.every", "type": "meta/v1/Duration"},
        ]
    }
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        await daemon.live("app", world.commit(manifests))
        await stays_synced(world, daemon)
        assert quiet(daemon.status("app"))
        widget = f"/apis/{group}/v1/namespaces/{world.full('app')}/widgets/first"
        await changed(world, daemon, widget, {"spec": {"cpu": 1, "every": "1m0s"}})
        await stays_synced(world, daemon)
        commit = world.commit({"app/secret.yaml": manifest("v1", "Secret", "login", stringData={"user": "you"})})
        await daemon.live("app", commit)
        live = await world.cluster.get(world.full("app"), "secrets/login")
        assert live["data"] == {"user": "eW91"}
    before = await dry_runs(world)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        asked = (await rehearsed(world))[before:]
        assert sorted(asked) == sorted(set(asked)), "no object more than once"
        assert {name.partition("/")[0] for name in asked} <= DOUBTFUL


async def test_a_status_that_flaps_costs_no_dry_run(world: World) -> None:
    manifests = odd_manifests(world)
    world.commit({"app/web.yaml": manifests["deployment.yaml"]})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        place, seen = world.full("app"), "deployment.kubernetes.io/revision"
        await world.cluster.until(place, "deployments", lambda here: seen in here["web"]["metadata"]["annotations"])
        await world.cluster.until(place, "deployments", lambda here: here["web"]["status"].get("conditions"))
        await daemon.refresh("app")
        before = await dry_runs(world)
        for number in range(3):
            condition = {"type": "Odd", "status": "True", "reason": f"Number{number}"}
            await changed(world, daemon, "deployments/web/status", {"status": {"conditions": [condition]}})
            await daemon.until("app", synced)
        assert await dry_runs(world) == before


def web(**annotations: str) -> str:
    """A Deployment of which ownership alone can tell whether it is synced."""
    container = {"name": "main", "image": "registry.example.org/main:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return manifest("apps/v1", "Deployment", "web", annotations=annotations, spec=spec)


def ignoring(kind: str, group: str = "apps", **fields: list[str]) -> dict[str, Any]:
    return {"group": group, "kind": kind, **fields}


async def test_replicas_that_are_ignored_belong_to_the_autoscaler(world: World) -> None:
    ignored = [ignoring("Deployment", jsonPointers=["/spec/replicas"])]
    world.commit({"app/web.yaml": web(), "kept/web.yaml": web()})
    world.application("app", self_heal=True, ignoreDifferences=ignored)
    world.application(
        "kept",
        self_heal=True,
        ignoreDifferences=ignored,
        syncPolicy={"syncOptions": ["CreateNamespace=true", "RespectIgnoreDifferences=true"]},
    )
    async with world.daemon() as daemon:
        await daemon.until_all(synced)
        for name in ("app", "kept"):
            scaled = "deployments/web/scale"
            await world.cluster.patch(world.full(name), scaled, {"spec": {"replicas": 3}})
            await daemon.refresh(name)
            await stays_synced(world, daemon, name)
        assert await dry_runs(world) == 0
        commit = world.commit({"app/web.yaml": web(note="2"), "kept/web.yaml": web(note="2")})
        await daemon.live("app", commit)
        await daemon.live("kept", commit)
        counts = [
            (await world.cluster.get(world.full(name), "deployments/web"))["spec"]["replicas"]
            for name in ("app", "kept")
        ]
        assert counts == [1, 3]


async def test_fields_that_a_jq_expression_names_are_ignored_and_a_bad_one_is_named(world: World) -> None:
    expression = '.spec.template.spec.containers[] | select(.name == "main") | .image'
    bad = ignoring("ConfigMap", "", jqPathExpressions=[".data["])
    world.commit({"app/web.yaml": web(), "app/one.yaml": config_map("one")})
    world.application("app", ignoreDifferences=[ignoring("Deployment", jqPathExpressions=[expression]), bad])
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        image = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other:2"}]}}}}
        await changed(world, daemon, "deployments/web", image, "strategic-merge-patch")
        await stays_synced(world, daemon)
        assert await dry_runs(world) == 0
        await changed(world, daemon, "configmaps/one", {"data": {"key": "other"}})
        status = await daemon.until("app", says("ComparisonError", "gitopsd.yaml:", ".data["))
        assert resource(status, "one").sync.value == "Unknown"
        assert resource(status, "web").sync.value == "Synced"


async def test_a_list_item_by_its_name_and_what_a_manager_owns_are_ignored(world: World) -> None:
    name = world.full("hooks")
    hook = {
        "name": "check.example.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": {"url": "https://127.0.0.1:1/", "caBundle": "YQ=="},
        "rules": [{"apiGroups": ["no.example.org"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["none"]}],
    }
    group = "admissionregistration.k8s.io"
    configuration = manifest(f"{group}/v1", "ValidatingWebhookConfiguration", name, webhooks=[hook])
    world.commit({"app/hooks.yaml": configuration, "app/one.yaml": config_map("one")})
    world.application(
        "app",
        self_heal=True,
        ignoreDifferences=[
            ignoring(
                "ValidatingWebhookConfiguration",
                group,
                paths=["webhooks[name=check.example.org].clientConfig.caBundle"],
            ),
            ignoring("ConfigMap", "", managedFieldsManagers=["injector"]),
            ignoring("Secret", "", jsonPointers=["/data/absent"]),
        ],
    )
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        path = f"/apis/{group}/v1/validatingwebhookconfigurations/{name}"
        await changed(
            world,
            daemon,
            path,
            [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "Yg=="}],
            "json-patch",
        )
        await stays_synced(world, daemon)
        await changed(world, daemon, "configmaps/one?fieldManager=injector", {"data": {"key": "theirs"}})
        status = await stays_synced(world, daemon)
        assert len(status.unused_ignores) == 1
        assert "Secret" in status.unused_ignores[0]
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "theirs"}
        await world.cluster.delete("", path)


async def test_a_field_that_cannot_be_changed_is_no_difference_where_it_is_ignored(world: World) -> None:
    fixed = manifest("v1", "ConfigMap", "fixed", data={"key": "1"}, immutable=True)
    world.commit({"app/fixed.yaml": fixed})
    world.application("app", self_heal=True, ignoreDifferences=[ignoring("ConfigMap", "", jsonPointers=["/data/key"])])
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({"app/fixed.yaml": fixed.replace("'1'", "'2'")})
        await daemon.refresh("app")
        await stays_synced(world, daemon)


@pytest.mark.parametrize("fails", [False, True])
async def test_an_object_of_another_application_is_a_warning_or_an_error(world: World, fails: bool) -> None:
    await world.cluster.namespace(world.full("shared"))
    shared = {"namespace": world.full("shared")}
    world.commit({"first/a.yaml": config_map("one", "first"), "second/a.yaml": config_map("one", "second")})
    world.application("first", destination=shared)
    async with world.daemon() as daemon:
        await daemon.until("first", synced)
        options = {"syncOptions": [f"FailOnSharedResource={str(fails).lower()}"]}
        world.application("second", destination=shared, syncPolicy=options)
        await daemon.reload()
        both = (world.full("first"), world.full("second"))
        if fails:
            await daemon.until("second", out_of_sync, says("SharedResourceWarning", *both), says("SyncError", *both))
        else:
            await daemon.until("second", synced)
            await daemon.until("first", says("SharedResourceWarning", *both))
