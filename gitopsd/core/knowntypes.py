"""Quantities and durations: other words for one value are no difference.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ and Go's duration strings, as
`metav1.Duration` reads them. Of built-in kinds the API server writes them in one form; of custom kinds it keeps what it
was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Final, NamedTuple

from gitopsd.core.fieldpath import AllItems, FieldPath
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonValue

QUANTITY: Final = "core/Quantity"
DURATION: Final = "meta/v1/Duration"


class Typed(NamedTuple):
    """A field, and whether it is a QUANTITY or a DURATION."""

    path: FieldPath
    type: str


_ANY: Final = AllItems()
# More digits than the longest texts that are read have, so that nothing is rounded.
_EXACT: Final = Context(prec=200)
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40}))(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2}|)"
)
_UNITS: Final = {
    "": Decimal(1),
    **{unit: Decimal(10) ** power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_DURATION: Final = re.compile(r"(?P<number>\d{1,20}(\.\d{0,20})?|\.\d{1,20})(?P<unit>ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}

_RESOURCES: Final = (("limits", _ANY), ("requests", _ANY))
_DIVISOR: Final = ("resourceFieldRef", "divisor")
_CONTAINER: Final = (*(("resources", *path) for path in _RESOURCES), ("env", _ANY, "valueFrom", *_DIVISOR))
_CLAIM: Final = tuple(("resources", *path) for path in _RESOURCES)
_VOLUME: Final = (
    ("emptyDir", "sizeLimit"),
    ("downwardAPI", "items", _ANY, *_DIVISOR),
    ("projected", "sources", _ANY, "downwardAPI", "items", _ANY, *_DIVISOR),
    *(("ephemeral", "volumeClaimTemplate", "spec", *path) for path in _CLAIM),
)
_POD: Final = (
    *((name, _ANY, *path) for name in ("containers", "initContainers", "ephemeralContainers") for path in _CONTAINER),
    *(("volumes", _ANY, *path) for path in _VOLUME),
    ("overhead", _ANY),
    *(("resources", *path) for path in _RESOURCES),
)
# What of each type is a quantity; Argo CD's list of known types has more, of which nothing can be written in two ways.
_QUANTITIES: Final[Mapping[str, tuple[FieldPath, ...]]] = {
    QUANTITY: ((),),
    "core/v1/ResourceList": ((_ANY,),),
    "core/v1/ResourceRequirements": _RESOURCES,
    "core/v1/VolumeResourceRequirements": _RESOURCES,
    "core/v1/Container": _CONTAINER,
    "core/v1/EphemeralContainer": _CONTAINER,
    "core/v1/EnvVar": (("valueFrom", *_DIVISOR),),
    "core/v1/EnvVarSource": (_DIVISOR,),
    "core/v1/ResourceFieldSelector": (("divisor",),),
    "core/v1/EmptyDirVolumeSource": (("sizeLimit",),),
    "core/v1/Volume": _VOLUME,
    "core/v1/VolumeSource": _VOLUME,
    "core/v1/PersistentVolumeClaimSpec": _CLAIM,
    "core/v1/PersistentVolumeClaim": tuple(("spec", *path) for path in _CLAIM),
    "core/v1/PersistentVolumeClaimTemplate": tuple(("spec", *path) for path in _CLAIM),
    "core/v1/PersistentVolumeSpec": (("capacity", _ANY),),
    "core/v1/ResourceQuotaSpec": (("hard", _ANY),),
    "core/v1/PodSpec": _POD,
    "core/v1/PodTemplateSpec": tuple(("spec", *path) for path in _POD),
    "core/v1/Pod": tuple(("spec", *path) for path in _POD),
    "core/v1/PodTemplate": tuple(("template", "spec", *path) for path in _POD),
}
_POD_TEMPLATE: Final[tuple[tuple[FieldPath, str], ...]] = ((("spec", "template"), "core/v1/PodTemplateSpec"),)
_BUILT_IN: Final[Mapping[GroupKind, tuple[tuple[FieldPath, str], ...]]] = {
    GroupKind("", "Pod"): (((), "core/v1/Pod"),),
    GroupKind("", "ReplicationController"): _POD_TEMPLATE,
    GroupKind("", "PersistentVolumeClaim"): (((), "core/v1/PersistentVolumeClaim"),),
    GroupKind("", "PersistentVolume"): ((("spec",), "core/v1/PersistentVolumeSpec"),),
    GroupKind("", "ResourceQuota"): ((("spec",), "core/v1/ResourceQuotaSpec"),),
    GroupKind("", "LimitRange"): ((("spec", "limits", _ANY, _ANY), "core/v1/ResourceList"),),
    GroupKind("apps", "Deployment"): _POD_TEMPLATE,
    GroupKind("apps", "DaemonSet"): _POD_TEMPLATE,
    GroupKind("apps", "ReplicaSet"): _POD_TEMPLATE,
    GroupKind("apps", "StatefulSet"): (
        *_POD_TEMPLATE,
        (("spec", "volumeClaimTemplates", _ANY), "core/v1/PersistentVolumeClaim"),
    ),
    GroupKind("batch", "Job"): _POD_TEMPLATE,
    GroupKind("batch", "CronJob"): ((("spec", "jobTemplate", "spec", "template"), "core/v1/PodTemplateSpec"),),
    # As Argo CD has it without being told.
    GroupKind("argoproj.io", "Rollout"): _POD_TEMPLATE,
}


def typed_fields(kind: GroupKind) -> tuple[Typed, ...]:
    """The fields of a kind that everybody has of which it is known that they are quantities."""
    return tuple(typed for path, name in _BUILT_IN.get(kind, ()) for typed in fields_of_type(path, name))


def fields_of_type(path: FieldPath, name: str) -> Iterator[Typed]:
    """What at `path` and below is a quantity or a duration, if a value of the type `name` stands there.

    `name` is as in Argo CD's `knownTypeFields`; a type that has neither has none.
    """
    if name == DURATION:
        yield Typed(path, DURATION)
    for below in _QUANTITIES.get(name, ()):
        yield Typed((*path, *below), QUANTITY)


def meaning(value: JsonValue, type_name: str) -> JsonValue:
    """One text for all ways to write the quantity or duration; `value` itself if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    found = _duration(str(value)) if type_name == DURATION else _quantity(str(value))
    return value if found is None else f"{_EXACT.normalize(_EXACT.add(found, Decimal(0))):f}"


def _quantity(text: str) -> Decimal | None:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    unit = found["unit"]
    try:
        if unit in _UNITS:
            return _EXACT.multiply(Decimal(found["number"]), _UNITS[unit])
        return Decimal(f"{found['number']}{unit}")
    except InvalidOperation:
        return None


def _duration(text: str) -> Decimal | None:
    sign = -1 if text.startswith("-") else 1
    rest = text.removeprefix("-").removeprefix("+")
    if rest == "0":
        return Decimal(0)
    total, at = Decimal(0), 0
    while at < len(rest):
        found = _DURATION.match(rest, at)
        if found is None:
            return None
        total = _EXACT.add(total, _EXACT.multiply(Decimal(found["number"]), _SECONDS[found["unit"]]))
        at = found.end()
    return _EXACT.multiply(Decimal(sign), total) if at else None
