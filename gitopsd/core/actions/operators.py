"""Actions that are one annotation or one field for an operator: Flux, External Secrets, KEDA, CloudNativePG, Strimzi,
MariaDB.

Sources: https://fluxcd.io/flux/components/ (`spec.suspend`, requestedAt), https://external-secrets.io/latest/introduction/faq/
(force-sync), https://keda.sh/docs/latest/concepts/scaling-deployments/#pausing-autoscaling,
https://cloudnative-pg.io/docs/ (annotations, hibernation, reconciliationLoop), https://strimzi.io/docs/operators/latest/
(pause-reconciliation, restart, manual-rolling-update, rebalance), https://github.com/mariadb-operator (suspend).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gitopsd.core.actions.action import Builtin, Change, Given, Merge
from gitopsd.core.actions.effect import (
    ANNOTATIONS,
    RESTARTED_AT,
    asks_for,
    put,
    replicas,
    stamp,
    timestamp,
    unless,
    when,
)
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, mapping, sequence, text

_SUSPEND: Final = Builtin("suspend", put(True, "spec", "suspend"), when(True, "it is suspended", "spec", "suspend"))
_RESUME: Final = Builtin(
    "resume", put(False, "spec", "suspend"), unless(True, "it is not suspended", "spec", "suspend")
)

_FLUX_KINDS: Final = {
    "kustomize.toolkit.fluxcd.io": ("Kustomization",),
    "helm.toolkit.fluxcd.io": ("HelmRelease",),
    "source.toolkit.fluxcd.io": ("Bucket", "GitRepository", "HelmChart", "HelmRepository", "OCIRepository"),
    "image.toolkit.fluxcd.io": ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation"),
    "notification.toolkit.fluxcd.io": ("Receiver",),
}
_FLUX: Final = (Builtin("reconcile", stamp(*ANNOTATIONS, "reconcile.fluxcd.io/requestedAt")), _SUSPEND, _RESUME)
_FORCE_SYNC: Final = stamp(*ANNOTATIONS, "force-sync")

_KEDA_PAUSED: Final = "autoscaling.keda.sh/paused"
_KEDA_REPLICAS: Final = "autoscaling.keda.sh/paused-replicas"


def _keda_paused(live: JsonObject) -> bool:
    marks = mapping(live, *ANNOTATIONS)
    return marks.get(_KEDA_PAUSED) == "true" or _KEDA_REPLICAS in marks


def _keda_resumed(live: JsonObject, _given: Given, _now: datetime) -> Change:
    marks = mapping(live, *ANNOTATIONS)
    return Merge({"metadata": {"annotations": {key: None for key in (_KEDA_PAUSED, _KEDA_REPLICAS) if key in marks}}})


_KEDA_PAUSE: Final = Builtin(
    "pause", put("true", *ANNOTATIONS, _KEDA_PAUSED), lambda live: "it is paused" if _keda_paused(live) else ""
)
_KEDA_RESUME: Final = Builtin("resume", _keda_resumed, lambda live: "" if _keda_paused(live) else "it is not paused")

_CNPG_LOOP: Final = (*ANNOTATIONS, "cnpg.io/reconciliationLoop")
_CNPG_SLEEP: Final = (*ANNOTATIONS, "cnpg.io/hibernation")
_ANY_INSTANCE: Final = "any"


def _healthy_instances(live: JsonObject) -> list[str]:
    names = sequence(live, "status", "instancesStatus", "healthy")
    return [name for name in names if isinstance(name, str)]


def _new_primary(live: JsonObject, given: Given, now: datetime) -> Change:
    """A healthy replica by its name or number; `any`: the one after the primary."""
    primary, healthy = text(live, "status", "currentPrimary"), _healthy_instances(live)
    wanted = given.get("instance", _ANY_INSTANCE)
    if wanted == _ANY_INSTANCE:
        after = healthy.index(primary) + 1 if primary in healthy else 0
        found = [name for name in (*healthy[after:], *healthy[:after]) if name != primary]
    else:
        names = {wanted, f"{text(live, 'metadata', 'name')}-{wanted}"}
        found = [name for name in healthy if name in names and name != primary]
    if not found:
        raise OperationError(
            "no such instance can be promoted",
            reason="Invalid",
            why="it is not healthy, or it is the primary",
            hint=f"healthy are: {', '.join(healthy)}",
        )
    return Merge({"status": {"targetPrimary": found[0], "targetPrimaryTimestamp": timestamp(now)}})


_CNPG: Final = (
    Builtin("restart", stamp(*ANNOTATIONS, RESTARTED_AT)),
    Builtin("reload", stamp(*ANNOTATIONS, "cnpg.io/reloadedAt"), title="Reload configuration"),
    Builtin(
        "promote",
        _new_primary,
        lambda live: "" if len(_healthy_instances(live)) > 1 else "there is no healthy replica",
        asks_for("instance", absent=_ANY_INSTANCE),
        title="Promote replica",
    ),
    Builtin("suspend", put("disabled", *_CNPG_LOOP), when("disabled", "it is suspended", *_CNPG_LOOP)),
    Builtin("resume", put(None, *_CNPG_LOOP), unless("disabled", "it is not suspended", *_CNPG_LOOP)),
    Builtin("hibernate", put("on", *_CNPG_SLEEP), when("on", "it hibernates", *_CNPG_SLEEP)),
    Builtin("rehydrate", put("off", *_CNPG_SLEEP), unless("on", "it does not hibernate", *_CNPG_SLEEP)),
)

_STRIMZI_PAUSE: Final = (*ANNOTATIONS, "strimzi.io/pause-reconciliation")
_STRIMZI_REBALANCE: Final = (*ANNOTATIONS, "strimzi.io/rebalance")
_STRIMZI: Final = (
    Builtin("pause", put("true", *_STRIMZI_PAUSE), when("true", "it is paused", *_STRIMZI_PAUSE)),
    Builtin("resume", put(None, *_STRIMZI_PAUSE), unless("true", "it is not paused", *_STRIMZI_PAUSE)),
)
_STRIMZI_KINDS: Final = ("Kafka", "KafkaBridge", "KafkaConnect", "KafkaMirrorMaker2", "KafkaTopic", "KafkaUser")


def _proposal(live: JsonObject) -> str:
    ready = any(
        text(condition, "type") == "ProposalReady" and text(condition, "status") == "True"
        for condition in sequence(live, "status", "conditions")
    )
    return "" if ready else "no proposal is ready"


OPERATORS: Final = {
    **{GroupKind(group, kind): _FLUX for group, kinds in _FLUX_KINDS.items() for kind in kinds},
    **{GroupKind("notification.toolkit.fluxcd.io", kind): (_SUSPEND, _RESUME) for kind in ("Alert", "Provider")},
    GroupKind("external-secrets.io", "ExternalSecret"): (Builtin("refresh", _FORCE_SYNC),),
    GroupKind("external-secrets.io", "PushSecret"): (Builtin("push", _FORCE_SYNC),),
    GroupKind("keda.sh", "ScaledObject"): (
        _KEDA_PAUSE,
        Builtin(
            "paused-replicas",
            replicas(*ANNOTATIONS, _KEDA_REPLICAS, as_text=True),
            when("true", "it is paused", *ANNOTATIONS, _KEDA_PAUSED),
            asks_for("replicas", *ANNOTATIONS, _KEDA_REPLICAS, absent="0"),
            title="Pause at a number of replicas",
        ),
        _KEDA_RESUME,
    ),
    GroupKind("keda.sh", "ScaledJob"): (_KEDA_PAUSE, _KEDA_RESUME),
    GroupKind("postgresql.cnpg.io", "Cluster"): _CNPG,
    **{GroupKind("kafka.strimzi.io", kind): _STRIMZI for kind in _STRIMZI_KINDS},
    GroupKind("kafka.strimzi.io", "KafkaConnector"): (
        Builtin("restart", put("true", *ANNOTATIONS, "strimzi.io/restart")),
        *_STRIMZI,
    ),
    GroupKind("kafka.strimzi.io", "KafkaRebalance"): (
        Builtin("approve", put("approve", *_STRIMZI_REBALANCE), _proposal),
        Builtin("refresh", put("refresh", *_STRIMZI_REBALANCE)),
        Builtin("stop", put("stop", *_STRIMZI_REBALANCE)),
        *_STRIMZI,
    ),
    GroupKind("core.strimzi.io", "StrimziPodSet"): (
        Builtin("rolling-update", put("true", *ANNOTATIONS, "strimzi.io/manual-rolling-update")),
    ),
    **{GroupKind("k8s.mariadb.com", kind): (_SUSPEND, _RESUME) for kind in ("Cluster", "MariaDB", "MaxScale")},
}
"""By kind, in the order in which they are offered."""
