"""What happens in the daemon, as values for whoever listens: metrics, the store, the API, the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """An application's status is another than `previous` (None at first). `server` is its cluster's URL ("" if not
    known).
    """

    spec: AppSpec
    status: AppStatus
    previous: AppStatus | None
    server: str = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One reconciliation of an application ended. `failed`: it could not be compared.

    `began` is when, in seconds of the monotonic clock. `fresh`: it began from what its repositories hold, not only from
    a change in the cluster.
    """

    spec: AppSpec
    server: str
    began: float
    seconds: float
    failed: bool
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """A sync came to an end, after `seconds`."""

    spec: AppSpec
    server: str
    operation: Operation
    seconds: float


@dataclass(frozen=True, slots=True)
class AppRemoved:
    """The configuration does not have the application any more; its objects in the cluster stay."""

    name: AppName


@dataclass(frozen=True, slots=True)
class ConfigReloaded:
    """A reload of the configuration was tried; `error` is why the old one goes on ("" if the new one is in force).
    `changed`: the files say something else than before.
    """

    error: str = ""
    changed: bool = True


Event: TypeAlias = StatusChanged | Reconciled | OperationEnded | AppRemoved | ConfigReloaded
