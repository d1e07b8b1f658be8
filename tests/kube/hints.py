"""What validation wants of a field beyond its schema, as strategies: words where words are wanted, ports for ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

LEAVE_OUT: Final[st.SearchStrategy[Any]] = st.nothing()
WORD: Final = st.sampled_from(["blue", "green", "web", "api", "a1", "x"])
_TEXT: Final = st.sampled_from(["", "one", "two words", "true", "1", "0x1f", "null", "é\n- x: y\n", '{"a": 1}', " "])
SMALL: Final = st.sampled_from([1, 2, 3, 10, 30])
_COUNT: Final = st.sampled_from([0, 1, 2])
_PORT: Final = st.sampled_from([80, 443, 8080, 8443, 65535])
QUANTITY: Final = st.sampled_from(["1", "1000m", 1, "500m", "0.5", "1Gi", "0.5Gi", "512Mi", "1e3", "1k", "1.50", 2])
_LESS: Final = {
    "cpu": st.sampled_from(["100m", "0.1", "0.10", "50m"]),
    "memory": st.sampled_from(["64Mi", "65536Ki", "67108864", "0.0625Gi", "1e6", 1000000]),
    "ephemeral-storage": st.sampled_from(["64Mi", "1M", "1000k"]),
}
_MORE: Final = {
    "cpu": st.sampled_from(["1", "1000m", 1, "1.0", "2", "0.5", "500m"]),
    "memory": st.sampled_from(["1Gi", "1024Mi", "0.5Gi", "1G", "1e9", 2000000000]),
    "ephemeral-storage": st.sampled_from(["1Gi", "1024Mi", "2G"]),
}
LABELS: Final = st.dictionaries(
    st.sampled_from(["app", "tier", "example.org/team", "pod-template-generation-x", "0"]),
    st.sampled_from(["", "web", "1", "true", "a_b.c-d"]),
    max_size=2,
)
ANNOTATIONS: Final = st.dictionaries(
    st.sampled_from(["note", "example.org/note", "Upper.example/Case", "a.b/c"]), _TEXT, max_size=2
)
SELECTOR: Final = st.one_of(
    st.builds(lambda labels: {"matchLabels": labels}, LABELS),
    st.just({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}]}),
    st.just({"matchExpressions": [{"key": "tier", "operator": "Exists"}], "matchLabels": {"app": "web"}}),
    st.just({}),
)
TIME: Final = st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+01:00"])


def _some(amounts: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=dict(amounts))


_AMOUNTS: Final = st.fixed_dictionaries({}, optional={"limits": _some(_MORE), "requests": _some(_LESS)})
_STORAGE: Final = st.fixed_dictionaries(
    {"requests": st.fixed_dictionaries({"storage": st.sampled_from(["1Gi", "1024Mi", "0.5Gi"])})}
)
_IPS: Final = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "192.168.1.7"]), max_size=2, unique=True)
_CIDR: Final = st.sampled_from(["10.0.0.0/8", "192.168.0.0/16"])
_COMMAND: Final = st.lists(st.sampled_from(["sh", "-c", "echo hi", "", "--flag=1", "$(HOME)"]), min_size=1, max_size=3)
_ID: Final = st.sampled_from([0, 1000, 65532])
_FQDN: Final = st.sampled_from(["hook.example.org", "two.hooks.example.org"])
_PATH: Final = st.sampled_from(["/", "/data", "/etc/app", "/var/lib/app"])

_FIELD: Final = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "default": "blue", "enum": ["blue", "green"]},
        {"type": "integer", "format": "int32", "minimum": 0},
        {"type": "number"},
        {"type": "boolean", "nullable": True},
        {"x-kubernetes-int-or-string": True},
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
    ]
)
_VERSION: Final = st.fixed_dictionaries(
    {
        "served": st.just(True),
        "schema": st.builds(
            lambda fields: {
                "openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
            },
            st.dictionaries(WORD, _FIELD, max_size=3),
        ),
    },
    optional={
        "subresources": st.sampled_from([{"status": {}}, {}]),
        "additionalPrinterColumns": st.just(
            [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
        ),
        "deprecated": st.booleans(),
    },
)
_DEFINITION_SPEC: Final = st.builds(
    lambda versions, scope, more: {
        "group": "generated.example.org",
        "scope": scope,
        "names": {"kind": "Generated", "plural": "generateds", **more},
        "versions": [
            {**version, "name": f"v{number}", "storage": number == 1} for number, version in enumerate(versions, 1)
        ],
    },
    st.lists(_VERSION, min_size=1, max_size=2),
    st.sampled_from(["Namespaced", "Cluster"]),
    st.fixed_dictionaries({}, optional={"shortNames": st.just(["gen"]), "categories": st.just(["all"])}),
)

# By "Type.field", or "*.field" for every type. Nothing at all is what is left out.
HINTS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "*.name": WORD,
    "*.namespace": st.just("default"),
    "*.key": st.sampled_from(["tier", "config.yaml", "app"]),
    "*.path": st.sampled_from(["a", "b/c", "config.yaml"]),
    "*.replicas": _COUNT,
    "*.parallelism": _COUNT,
    "*.completions": st.sampled_from([1, 2]),
    "*.status": LEAVE_OUT,
    "*.port": _PORT,
    "*.protocol": st.sampled_from(["TCP", "UDP"]),
    "*.labelSelector": SELECTOR,
    "*.namespaceSelector": SELECTOR,
    "*.podSelector": SELECTOR,
    "*.objectSelector": SELECTOR,
    "*.selector": SELECTOR,
    "*.nodeName": st.just("node-1"),
    "*.defaultMode": st.sampled_from([0, 256, 420]),
    "*.mode": st.sampled_from([0, 256, 420]),
    "*.fieldPath": st.sampled_from(["metadata.name", "metadata.labels['app']", "metadata.namespace"]),
    "*.apiGroup": LEAVE_OUT,
    "*.weight": st.sampled_from([1, 50, 100]),
    "*.annotations": ANNOTATIONS,
    "*.labels": LABELS,
    "*.runAsUser": _ID,
    "*.runAsGroup": _ID,
    "*.fsGroup": _ID,
    "*.timeoutSeconds": st.sampled_from([1, 5, 30]),
    "*.topologyKey": st.sampled_from(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]),
    "*.ip": st.sampled_from(["10.0.0.1", "127.0.0.1"]),
    "*.hostIP": LEAVE_OUT,
    "*.storageClassName": st.sampled_from(["", "fast"]),
    "*.volumeMode": st.sampled_from(["Filesystem", "Block"]),
    "*.ports": LEAVE_OUT,
    "*.matchLabelKeys": LEAVE_OUT,
    "*.mismatchLabelKeys": LEAVE_OUT,
    "*.windowsOptions": LEAVE_OUT,
    # pods
    "PodSpec.priority": LEAVE_OUT,
    "PodSpec.overhead": LEAVE_OUT,
    "PodSpec.runtimeClassName": LEAVE_OUT,
    "PodSpec.resourceClaims": LEAVE_OUT,
    "PodSpec.ephemeralContainers": LEAVE_OUT,
    "PodSpec.hostnameOverride": LEAVE_OUT,
    "PodSpec.schedulingGroup": LEAVE_OUT,
    "PodSpec.schedulingGates": LEAVE_OUT,
    "PodSpec.os": LEAVE_OUT,
    "PodSpec.resources": LEAVE_OUT,
    "PodSpec.hostUsers": LEAVE_OUT,
    "PodSpec.restartPolicy": LEAVE_OUT,
    "PodSpec.serviceAccountName": st.sampled_from(["default", "robot"]),
    "PodSpec.serviceAccount": st.sampled_from(["default", "robot"]),
    "PodSpec.nodeSelector": st.dictionaries(st.sampled_from(["disk", "zone"]), st.sampled_from(["ssd", "a"])),
    "PodSpec.activeDeadlineSeconds": LEAVE_OUT,
    "PodSpec.terminationGracePeriodSeconds": st.sampled_from([0, 5, 30]),
    "PodSecurityContext.supplementalGroups": st.lists(_ID, max_size=2),
    "PodSecurityContext.sysctls": LEAVE_OUT,
    "PodReadinessGate.conditionType": st.just("example.org/ready"),
    "HostAlias.hostnames": st.lists(st.sampled_from(["a.example.org", "b"]), max_size=2),
    "PodDNSConfig.nameservers": _IPS,
    "PodDNSConfig.searches": st.lists(st.just("svc.example.org"), max_size=1),
    "Container.command": _COMMAND,
    "Container.args": _COMMAND,
    "Container.image": st.sampled_from(
        ["nginx", "nginx:1", "nginx:latest", "registry.example.org/a@sha256:" + "0" * 64]
    ),
    "Container.resources": _AMOUNTS,
    "Container.resizePolicy": LEAVE_OUT,
    "Container.restartPolicy": LEAVE_OUT,
    "Container.restartPolicyRules": LEAVE_OUT,
    "Container.volumeDevices": LEAVE_OUT,
    "Container.workingDir": _PATH,
    "Container.terminationMessagePath": _PATH,
    "Container.ports": st.lists(
        st.fixed_dictionaries(
            {"containerPort": _PORT},
            optional={"name": st.sampled_from(["http", "web"]), "protocol": st.sampled_from(["TCP", "UDP"])},
        ),
        max_size=3,
    ),
    "EnvVar.name": st.sampled_from(["A", "B", "HOME", "LOG_LEVEL"]),
    "EnvVar.value": _TEXT,
    "EnvFromSource.prefix": st.sampled_from(["A_", "x"]),
    "EnvVarSource.fileKeyRef": LEAVE_OUT,
    "ResourceFieldSelector.resource": st.sampled_from(["limits.cpu", "requests.memory"]),
    "ResourceFieldSelector.containerName": st.just("web"),
    "ResourceFieldSelector.divisor": st.sampled_from(["1", "0", 1]),
    "Probe.terminationGracePeriodSeconds": LEAVE_OUT,
    "Probe.successThreshold": st.just(1),
    "HTTPGetAction.path": st.sampled_from(["/", "/healthz", "healthz"]),
    "HTTPGetAction.host": st.just("localhost"),
    "HTTPHeader.name": st.sampled_from(["X-A", "X-B"]),
    "Lifecycle.stopSignal": LEAVE_OUT,
    "LifecycleHandler.sleep": LEAVE_OUT,
    "ExecAction.command": _COMMAND,
    "Capabilities.add": st.lists(st.sampled_from(["NET_ADMIN", "SYS_TIME"]), max_size=2),
    "Capabilities.drop": st.lists(st.sampled_from(["ALL", "NET_RAW"]), max_size=2),
    "SecurityContext.procMount": LEAVE_OUT,
    "SeccompProfile.type": st.just("RuntimeDefault"),
    "SeccompProfile.localhostProfile": LEAVE_OUT,
    "AppArmorProfile.type": st.just("RuntimeDefault"),
    "AppArmorProfile.localhostProfile": LEAVE_OUT,
    "VolumeMount.mountPath": _PATH,
    "VolumeMount.mountPropagation": LEAVE_OUT,
    "VolumeMount.recursiveReadOnly": LEAVE_OUT,
    "VolumeMount.subPath": st.just("sub"),
    "VolumeMount.subPathExpr": LEAVE_OUT,
    "HostPathVolumeSource.path": _PATH,
    "EmptyDirVolumeSource.sizeLimit": QUANTITY,
    "ConfigMapVolumeSource.items": st.lists(
        st.fixed_dictionaries({"key": st.just("k"), "path": st.sampled_from(["a", "b/c"])}), max_size=2
    ),
    "ServiceAccountTokenProjection.expirationSeconds": st.sampled_from([600, 3600]),
    "Toleration.key": st.just("dedicated"),
    "Toleration.operator": st.just("Exists"),
    "Toleration.value": LEAVE_OUT,
    "Toleration.effect": st.just("NoExecute"),
    "NodeSelectorRequirement.operator": st.just("In"),
    "NodeSelectorRequirement.key": st.just("disk"),
    "NodeSelectorRequirement.values": st.lists(WORD, min_size=1, max_size=2),
    "NodeSelectorTerm.matchFields": LEAVE_OUT,
    "TopologySpreadConstraint.minDomains": LEAVE_OUT,
    "TopologySpreadConstraint.labelSelector": SELECTOR,
    "PodAffinityTerm.namespaces": st.lists(st.sampled_from(["default", "kube-system"]), max_size=2, unique=True),
    # workloads
    "DeploymentSpec.progressDeadlineSeconds": st.sampled_from([60, 600]),
    "DeploymentSpec.minReadySeconds": st.sampled_from([0, 5]),
    "StatefulSetSpec.minReadySeconds": st.sampled_from([0, 5]),
    "StatefulSetOrdinals.start": _COUNT,
    "StatefulSetSpec.serviceName": st.sampled_from(["web", ""]),
    "RollingUpdateDeployment.maxSurge": st.sampled_from([1, "25%", "1", 2]),
    "RollingUpdateDeployment.maxUnavailable": st.sampled_from([1, "25%", "50%"]),
    "RollingUpdateDaemonSet.maxSurge": LEAVE_OUT,
    "RollingUpdateDaemonSet.maxUnavailable": st.sampled_from([1, "25%", "50%"]),
    "RollingUpdateStatefulSetStrategy.maxUnavailable": LEAVE_OUT,
    "RollingUpdateStatefulSetStrategy.partition": _COUNT,
    "JobSpec.selector": LEAVE_OUT,
    "JobSpec.manualSelector": LEAVE_OUT,
    "JobSpec.managedBy": LEAVE_OUT,
    "JobSpec.podFailurePolicy": LEAVE_OUT,
    "JobSpec.successPolicy": LEAVE_OUT,
    "JobSpec.completionMode": LEAVE_OUT,
    "JobSpec.backoffLimitPerIndex": LEAVE_OUT,
    "JobSpec.maxFailedIndexes": LEAVE_OUT,
    "JobSpec.podReplacementPolicy": st.sampled_from(["Failed", "TerminatingOrFailed"]),
    "CronJobSpec.schedule": st.sampled_from(["0 3 1 1 *", "@yearly"]),
    "CronJobSpec.timeZone": st.just("Etc/UTC"),
    # the rest
    "ConfigMap.data": st.dictionaries(st.sampled_from(["a", "b.yaml", "C", "_d"]), _TEXT, max_size=3),
    "ConfigMap.binaryData": st.dictionaries(
        st.sampled_from(["bin", "bin2"]), st.sampled_from(["AAE=", ""]), max_size=2
    ),
    "ConfigMap.immutable": st.just(False),
    "Secret.data": st.dictionaries(st.sampled_from(["a", "b.yaml"]), st.sampled_from(["AAE=", "", "cGFzcw=="])),
    "Secret.stringData": st.dictionaries(st.sampled_from(["a", "c"]), _TEXT, max_size=2),
    "Secret.type": st.sampled_from(["Opaque", "example.org/own"]),
    "Secret.immutable": st.just(False),
    "ServiceSpec.clusterIP": st.sampled_from(["None", ""]),
    "ServiceSpec.clusterIPs": LEAVE_OUT,
    "ServiceSpec.externalIPs": _IPS,
    "ServiceSpec.externalName": LEAVE_OUT,
    "ServiceSpec.externalTrafficPolicy": LEAVE_OUT,
    "ServiceSpec.healthCheckNodePort": LEAVE_OUT,
    "ServiceSpec.allocateLoadBalancerNodePorts": LEAVE_OUT,
    "ServiceSpec.loadBalancerClass": LEAVE_OUT,
    "ServiceSpec.loadBalancerIP": LEAVE_OUT,
    "ServiceSpec.loadBalancerSourceRanges": LEAVE_OUT,
    "ServiceSpec.sessionAffinityConfig": LEAVE_OUT,
    "ServiceSpec.ipFamilies": st.just(["IPv4"]),
    "ServiceSpec.ipFamilyPolicy": st.just("SingleStack"),
    "ServiceSpec.trafficDistribution": st.just("PreferClose"),
    "ServiceSpec.type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
    "ServiceSpec.selector": LABELS,
    "ServiceSpec.ports": st.lists(
        st.fixed_dictionaries(
            {"port": _PORT, "name": WORD},
            optional={
                "targetPort": st.sampled_from([80, "web", 8080]),
                "protocol": st.sampled_from(["TCP", "UDP"]),
                "appProtocol": st.just("http"),
            },
        ),
        min_size=1,
        max_size=3,
        unique_by=(lambda port: port["name"], lambda port: (port["port"], port.get("protocol", "TCP"))),
    ),
    "PersistentVolumeClaimSpec.accessModes": st.lists(
        st.sampled_from(["ReadWriteOnce", "ReadOnlyMany"]), min_size=1, max_size=2, unique=True
    ),
    "PersistentVolumeClaimSpec.resources": _STORAGE,
    "PersistentVolumeClaimSpec.dataSource": LEAVE_OUT,
    "PersistentVolumeClaimSpec.dataSourceRef": LEAVE_OUT,
    "PersistentVolumeClaimSpec.volumeAttributesClassName": LEAVE_OUT,
    "PersistentVolumeClaimSpec.volumeName": LEAVE_OUT,
    "IngressSpec.ingressClassName": st.just("nginx"),
    "IngressRule.host": st.sampled_from(["a.example.org", "*.example.org"]),
    "IngressTLS.hosts": st.lists(st.sampled_from(["a.example.org", "b.example.org"]), max_size=2, unique=True),
    "HTTPIngressPath.path": st.sampled_from(["/", "/api"]),
    "HTTPIngressPath.pathType": st.sampled_from(["Prefix", "Exact", "ImplementationSpecific"]),
    "IngressBackend.resource": LEAVE_OUT,
    "IngressBackend.service": st.fixed_dictionaries(
        {"name": WORD, "port": st.sampled_from([{"number": 80}, {"name": "http"}, {"number": 8080}])}
    ),
    "NetworkPolicySpec.podSelector": SELECTOR,
    "NetworkPolicyIngressRule.ports": st.lists(
        st.fixed_dictionaries(
            {},
            optional={"port": st.sampled_from([80, "web", 443]), "protocol": st.sampled_from(["TCP", "UDP", "SCTP"])},
        ),
        max_size=2,
    ),
    "NetworkPolicyEgressRule.ports": st.lists(
        st.fixed_dictionaries({"port": st.just(1000)}, optional={"endPort": st.just(2000), "protocol": st.just("TCP")}),
        max_size=2,
    ),
    "NetworkPolicySpec.policyTypes": st.lists(st.sampled_from(["Ingress", "Egress"]), max_size=2, unique=True),
    "IPBlock.cidr": _CIDR,
    "IPBlock.except": LEAVE_OUT,
    "HorizontalPodAutoscalerSpec.minReplicas": st.sampled_from([1, 2]),
    "HorizontalPodAutoscalerSpec.maxReplicas": st.sampled_from([2, 5]),
    "HPAScalingPolicy.type": st.sampled_from(["Pods", "Percent"]),
    "HPAScalingPolicy.value": st.sampled_from([1, 100]),
    "HPAScalingPolicy.periodSeconds": st.sampled_from([15, 60]),
    "HPAScalingRules.policies": st.lists(
        st.fixed_dictionaries({"type": st.just("Pods"), "value": SMALL, "periodSeconds": SMALL}),
        min_size=1,
        max_size=2,
    ),
    "HPAScalingRules.stabilizationWindowSeconds": st.sampled_from([0, 300]),
    "HPAScalingRules.tolerance": LEAVE_OUT,
    "CrossVersionObjectReference.kind": st.just("Deployment"),
    "CrossVersionObjectReference.apiVersion": st.just("apps/v1"),
    "MetricSpec.object": LEAVE_OUT,
    "MetricSpec.external": LEAVE_OUT,
    "MetricTarget.averageUtilization": LEAVE_OUT,
    "MetricTarget.value": LEAVE_OUT,
    "MetricTarget.averageValue": QUANTITY,
    "MetricTarget.type": st.just("AverageValue"),
    "ResourceMetricSource.name": st.sampled_from(["cpu", "memory"]),
    "ContainerResourceMetricSource.name": st.just("cpu"),
    "PodDisruptionBudgetSpec.minAvailable": st.sampled_from([1, "50%", 0]),
    "PodDisruptionBudgetSpec.maxUnavailable": st.sampled_from([1, "50%", 0]),
    "PolicyRule.verbs": st.lists(st.sampled_from(["get", "list", "*"]), min_size=1, max_size=2),
    "PolicyRule.apiGroups": st.lists(st.sampled_from(["", "apps"]), min_size=1, max_size=2),
    "PolicyRule.resources": st.lists(st.sampled_from(["pods", "deployments"]), min_size=1, max_size=2),
    "PolicyRule.resourceNames": st.lists(WORD, max_size=2),
    "PolicyRule.nonResourceURLs": LEAVE_OUT,
    "AggregationRule.clusterRoleSelectors": st.lists(SELECTOR, min_size=1, max_size=2),
    "RoleRef.apiGroup": st.just("rbac.authorization.k8s.io"),
    "RoleRef.kind": st.just("Role"),
    "RoleBinding.subjects": st.lists(
        st.one_of(
            st.fixed_dictionaries({"kind": st.just("ServiceAccount"), "name": WORD, "namespace": st.just("default")}),
            st.fixed_dictionaries(
                {"kind": st.sampled_from(["User", "Group"]), "name": WORD},
                optional={"apiGroup": st.just("rbac.authorization.k8s.io")},
            ),
        ),
        max_size=3,
    ),
    "LimitRangeItem.type": st.just("Container"),
    "LimitRangeItem.default": _some(_MORE),
    "LimitRangeItem.defaultRequest": _some(_LESS),
    "LimitRangeItem.max": st.just({"cpu": "4000m", "memory": "64Gi", "ephemeral-storage": "64Gi"}),
    "LimitRangeItem.min": st.just({"cpu": "0.010", "memory": "1k", "ephemeral-storage": "1k"}),
    "LimitRangeItem.maxLimitRequestRatio": LEAVE_OUT,
    "ResourceQuotaSpec.hard": st.dictionaries(
        st.sampled_from(["limits.memory", "requests.cpu", "count/widgets.example.org"]), QUANTITY, max_size=3
    ),
    "ResourceQuotaSpec.scopes": LEAVE_OUT,
    "ResourceQuotaSpec.scopeSelector": LEAVE_OUT,
    "PriorityClass.value": st.sampled_from([0, 1, -5, 1000000]),
    "PriorityClass.globalDefault": st.just(False),
    "PriorityClass.description": _TEXT,
    "StorageClass.provisioner": st.just("example.org/disk"),
    "StorageClass.parameters": st.dictionaries(WORD, _TEXT, max_size=2),
    "StorageClass.mountOptions": st.lists(st.sampled_from(["ro", "soft"]), max_size=2),
    "StorageClass.allowedTopologies": st.just(
        [{"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["b", "a"]}]}]
    ),
    "StorageClass.volumeBindingMode": st.sampled_from(["Immediate", "WaitForFirstConsumer"]),
    "StorageClass.reclaimPolicy": st.sampled_from(["Delete", "Retain"]),
    "MutatingWebhook.name": _FQDN,
    "MutatingWebhook.admissionReviewVersions": st.just(["v1"]),
    "MutatingWebhook.sideEffects": st.sampled_from(["None", "NoneOnDryRun"]),
    "MutatingWebhook.failurePolicy": st.just("Ignore"),
    "MutatingWebhook.matchConditions": st.lists(
        st.just({"name": "no-leases", "expression": "request.resource.group != 'coordination.k8s.io'"}), max_size=1
    ),
    "MutatingWebhook.clientConfig": st.sampled_from(
        [
            {"url": "https://127.0.0.1:1/hook"},
            {"service": {"name": "hook", "namespace": "default"}},
            {"service": {"name": "hook", "namespace": "default", "path": "/hook", "port": 8443}},
        ]
    ),
    # Rules of objects that nobody has, so that the cluster goes on working.
    "MutatingWebhook.rules": st.lists(
        st.fixed_dictionaries(
            {
                "apiGroups": st.just(["nobody.example.org"]),
                "apiVersions": st.just(["v1"]),
                "operations": st.lists(st.sampled_from(["CREATE", "UPDATE"]), min_size=1, max_size=2, unique=True),
                "resources": st.just(["things"]),
            },
            optional={"scope": st.sampled_from(["*", "Namespaced"])},
        ),
        max_size=2,
    ),
    "EndpointSlice.addressType": st.just("IPv4"),
    "EndpointSlice.ports": st.lists(
        st.fixed_dictionaries(
            {"name": WORD, "port": _PORT}, optional={"protocol": st.sampled_from(["TCP", "UDP"]), "appProtocol": WORD}
        ),
        max_size=2,
        unique_by=lambda port: port["name"],
    ),
    "Endpoint.addresses": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), min_size=1, max_size=1),
    "Endpoint.deprecatedTopology": LEAVE_OUT,
    "Endpoint.targetRef": LEAVE_OUT,
    "Endpoint.hostname": WORD,
    "Endpoint.hints": LEAVE_OUT,
    "Namespace.spec": LEAVE_OUT,
    "ServiceAccount.secrets": st.lists(
        st.fixed_dictionaries({"name": WORD}), max_size=2, unique_by=lambda secret: secret["name"]
    ),
    # a definition (its schema is one of those that are served for instances, too)
    "CustomResourceDefinition.spec": _DEFINITION_SPEC,
    # its instances
    "Thing.spec.mode": st.sampled_from(["Fast", "Slow"]),
}

ANYTHING: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from([0, 1, 1.0, 1.5, -3]), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORD, inner, max_size=2)),
    max_leaves=5,
).filter(lambda value: value is not None)
