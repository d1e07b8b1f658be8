"""What the fields of one type want of each other, beyond its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Body = dict[str, Any]

# Of these fields of a type exactly one is there (with "" also none).
UNIONS: Final[Mapping[str, Sequence[str]]] = {
    "Probe": ("exec", "grpc", "httpGet", "tcpSocket"),
    "LifecycleHandler": ("exec", "httpGet", "tcpSocket"),
    "EnvVar": ("", "value", "valueFrom"),
    "EnvVarSource": ("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"),
    "EnvFromSource": ("configMapRef", "secretRef"),
    "Volume": ("", "configMap", "emptyDir", "hostPath", "secret", "downwardAPI", "projected", "persistentVolumeClaim"),
    "VolumeProjection": ("configMap", "secret", "serviceAccountToken"),
    "DownwardAPIVolumeFile": ("fieldRef",),
    "NetworkPolicyPeer": ("ipBlock", "podSelector", "namespaceSelector"),
    "PodDisruptionBudgetSpec": ("", "minAvailable", "maxUnavailable"),
    "MetricSpec": ("resource", "pods", "containerResource"),
    "ClusterRole": ("rules", "aggregationRule"),
    "IngressSpec": ("rules", "defaultBackend"),
}
REQUIRED: Final[Mapping[str, Sequence[str]]] = {
    "Container": ("image",),
    "ExecAction": ("command",),
    "CrossVersionObjectReference": ("apiVersion",),
    "VolumeProjection": (),
    "ConfigMapKeySelector": ("name", "key"),
    "SecretKeySelector": ("name", "key"),
    "ConfigMapEnvSource": ("name",),
    "SecretEnvSource": ("name",),
    "ConfigMapProjection": ("name",),
    "SecretProjection": ("name",),
    "ConfigMapVolumeSource": ("name",),
    "SecretVolumeSource": ("secretName",),
    "LocalObjectReference": ("name",),
    "ServiceSpec": ("ports",),
    "Service": ("spec",),
    "PersistentVolumeClaim": ("spec",),
    "PersistentVolumeClaimSpec": ("accessModes", "resources"),
    "Deployment": ("spec",),
    "StatefulSet": ("spec",),
    "DaemonSet": ("spec",),
    "Job": ("spec",),
    "JobSpec": ("template",),
    "JobTemplateSpec": ("spec",),
    "AggregationRule": ("clusterRoleSelectors",),
    "CronJob": ("spec",),
    "Ingress": ("spec",),
    "IngressRule": ("http",),
    "NetworkPolicy": ("spec",),
    "HorizontalPodAutoscaler": ("spec",),
    "PodDisruptionBudget": ("spec",),
    "LimitRange": ("spec",),
    "ResourceQuota": ("spec",),
    "StorageClass": ("provisioner",),
    "PriorityClass": ("value",),
    "PodTemplateSpec": ("spec",),
    "PodSpec": ("containers",),
    "HTTPIngressPath": ("path", "pathType"),
    "IngressBackend": ("service",),
    "EmptyDirVolumeSource": (),
    "PolicyRule": ("apiGroups", "resources", "verbs"),
    "NodeSelectorTerm": ("matchExpressions",),
    "PreferredSchedulingTerm": ("preference",),
    "Toleration": ("operator",),
}


def _workload(spec: Body) -> Body:
    spec["selector"] = {"matchLabels": {"app": "web"}}
    metadata = spec["template"].setdefault("metadata", {})
    metadata["labels"] = {**metadata.get("labels", {}), "app": "web"}
    return spec


def _deployment(spec: Body) -> Body:
    strategy = spec.get("strategy", {})
    if strategy.get("type") == "Recreate":
        strategy.pop("rollingUpdate", None)
    return _workload(spec)


def _update_strategy(strategy: Body) -> Body:
    if strategy.get("type") not in (None, "RollingUpdate"):
        strategy.pop("rollingUpdate", None)
    return strategy


def _stateful_set(spec: Body) -> Body:
    for number, claim in enumerate(spec.get("volumeClaimTemplates", ())):
        claim["metadata"] = {**claim.get("metadata", {}), "name": f"claim-{number}"}
    return _workload(spec)


def _job(spec: Body) -> Body:
    spec["template"]["spec"]["restartPolicy"] = "Never"
    return spec


def _pod(spec: Body) -> Body:
    containers = [*spec["containers"], *spec.get("initContainers", ())]
    volumes = {volume["name"]: None for volume in spec.get("volumes", ())}
    for number, container in enumerate(containers):
        container["name"] = f"{container['name']}-{number}" if number else "web"
        mounts: dict[str, Body] = {mount["mountPath"]: mount for mount in container.pop("volumeMounts", ())}
        for mount, volume in zip(mounts.values(), [*volumes] * 3, strict=False):
            container.setdefault("volumeMounts", []).append({**mount, "name": volume})
        if container.get("stdinOnce"):
            container["stdin"] = True
        _ports(container, number)
    for container in spec.get("initContainers", ()):
        for name in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
            container.pop(name, None)
    if "serviceAccountName" in spec and "serviceAccount" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    if spec.get("dnsPolicy") == "None":
        spec.setdefault("dnsConfig", {})["nameservers"] = ["10.0.0.10"]
    if spec.get("hostNetwork") or spec.get("hostPID"):
        spec.pop("shareProcessNamespace", None)
        for container in containers:
            container.pop("ports", None)
    spec.pop("setHostnameAsFQDN", None)
    return spec


def _ports(container: Body, number: int) -> None:
    """Each port once, and each name once in a pod."""
    ports: dict[Any, Body] = {}
    for place, port in enumerate(container.get("ports", ())):
        if "name" in port:
            port["name"] = f"{port['name']}{number}{place}"
        ports.setdefault((port["containerPort"], port.get("protocol", "TCP")), port)
    if "ports" in container:
        container["ports"] = list(ports.values())


def _security(context: Body) -> Body:
    if context.get("privileged") or "SYS_ADMIN" in str(context.get("capabilities")):
        context.pop("allowPrivilegeEscalation", None)
    return context


def _metric(spec: Body) -> Body:
    kind = next(name for name in ("resource", "pods", "containerResource") if name in spec)
    spec["type"] = kind[0].upper() + kind[1:]
    return spec


def _service(spec: Body) -> Body:
    if spec.get("clusterIP") == "None" and spec.get("type", "ClusterIP") != "ClusterIP":
        spec.pop("clusterIP")
    if spec.get("type", "ClusterIP") == "ClusterIP":
        spec.pop("publishNotReadyAddresses", None)
    return spec


def _webhooks(body: Body) -> Body:
    for number, webhook in enumerate(body.get("webhooks", ())):
        webhook["name"] = f"n{number}.{webhook['name']}"
    return body


def _unique(field: str, *keys: str) -> Callable[[Body], Body]:
    def mend(body: Body) -> Body:
        if field in body:
            found = {json.dumps([item.get(key) for key in keys]): item for item in body[field]}
            body[field] = list(found.values())
        return body

    return mend


MENDING: Final[Mapping[str, Callable[[Body], Body]]] = {
    "DeploymentSpec": _deployment,
    "DaemonSetSpec": _workload,
    "StatefulSetSpec": _stateful_set,
    "DaemonSetUpdateStrategy": _update_strategy,
    "StatefulSetUpdateStrategy": _update_strategy,
    "JobSpec": _job,
    "PodSpec": _pod,
    "SecurityContext": _security,
    "MetricSpec": _metric,
    "ServiceSpec": _service,
    "MutatingWebhookConfiguration": _webhooks,
    "IngressSpec": _unique("rules", "host"),
    "EndpointSlice": _unique("endpoints", "addresses"),
    "ServiceAccount": _unique("imagePullSecrets", "name"),
}
