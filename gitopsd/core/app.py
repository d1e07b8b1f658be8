"""An application as its owner wrote it: Argo CD's `Application`, fields and words alike.

Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml and `Application` v1alpha1.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core.annotations import INSTANCE_LABEL
from gitopsd.core.errors import shown_url
from gitopsd.core.ids import GVK, NOWHERE, AppName, Position
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.origin import chart_origin

_NONE: Mapping[str, str] = {}
_NO_NAME: Final = AppName("")


@dataclass(frozen=True, slots=True)
class Source:
    """Where manifests come from: a folder of a git repository or of an OCI artifact, or a chart; and how to render it.

    `target_revision` is a branch, tag, commit id, HEAD, digest, version or range of versions (of tags that begin with
    `tag_prefix`). `renderer` names an explicitly chosen renderer (`helm`, `kustomize`, `directory`, or a plugin's
    name), "" when the folder decides; `options` is that renderer's block as it stands in the YAML. `chart` is a chart
    of the Helm repository `repo_url`. `ref` is the name by which value files of other sources reach this one's root
    (`$ref/…`); with a `ref`, and neither `path` nor `chart` written (`renders` is False), it has no manifests.
    """

    repo_url: str
    path: str = "."
    target_revision: str = "HEAD"
    renderer: str = ""
    options: JsonObject = field(default_factory=dict)
    chart: str = ""
    ref: str = ""
    name: str = ""
    tag_prefix: str = ""
    renders: bool = True

    @property
    def origin(self) -> str:
        """What is asked for revisions and snapshots (`core.origin`)."""
        return chart_origin(self.repo_url, self.chart) if self.chart else self.repo_url

    @property
    def place(self) -> tuple[str, str, str]:
        """(origin, target revision, tag prefix): sources of one place stand at one revision."""
        return (self.origin, self.target_revision, self.tag_prefix)


@dataclass(frozen=True, slots=True)
class Destination:
    """Which cluster (exactly one of `server`, `name` as the owner wrote it) and the namespace for objects that name
    none.
    """

    server: str = ""
    name: str = ""
    namespace: str = ""

    @property
    def shown(self) -> str:
        """The cluster as it may be shown to people."""
        return self.name or shown_url(self.server)

    def __str__(self) -> str:
        return self.name or self.server


@dataclass(frozen=True, slots=True)
class Automated:
    """`syncPolicy.automated`: sync without being asked; what else it may do on its own."""

    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`syncPolicy.retry`: waits of min(`max_seconds`, `seconds` * `factor`**n); `limit` < 0 is endless."""

    limit: int = -1
    seconds: float = 5.0
    factor: float = 2.0
    max_seconds: float = 180.0


DEFAULT_RETRY = RetryPolicy()
"""Unlike Argo CD's: for ever, with capped back-off."""


class OnImmutable(enum.StrEnum):
    """What happens to an object whose change the API server refuses because a field cannot be changed."""

    FAIL = "fail"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True)
class AutoRollback:
    """`syncPolicy.autoRollback`: go back to the last Healthy history entry if the application is not Healthy `within`
    these seconds after a sync.
    """

    within: float = 300.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """What has to stand before an application is synced: another application that is Synced and Healthy (at
    `revision`, a commit id or the beginning of one, if it is given), or a live object of the same cluster.

    An object is named by `gvk`, `namespace` and `name`; `ready` is a CEL expression on it (`object`), "" is Healthy.
    """

    app: AppName = _NO_NAME
    revision: str = ""
    gvk: GVK | None = None
    namespace: str = ""
    name: str = ""
    ready: str = ""

    def __str__(self) -> str:
        if self.gvk is None:
            return f"{self.app}@{self.revision}" if self.revision else self.app
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.gvk.kind} {place}"


class TrackingMethod(enum.StrEnum):
    """How a live object says which application it belongs to (Argo CD's `application.resourceTrackingMethod`)."""

    ANNOTATION = "annotation"
    ANNOTATION_AND_LABEL = "annotation+label"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Tracking:
    """How live objects say whose they are (Argo CD: resourceTrackingMethod, instanceLabelKey, installationID)."""

    method: TrackingMethod = TrackingMethod.ANNOTATION
    label: str = INSTANCE_LABEL
    installation: str = ""


BY_ANNOTATION = Tracking()
"""By Argo CD's annotation, in the only installation."""


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """`syncPolicy`: `automated` is None for applications that are only compared until somebody syncs them.

    `options` are the application's `syncOptions` as key → value (`CreateNamespace` → `true`). `on_immutable` None
    is the default: Jobs are made anew, everything else fails. More than `prune_limit` (a share from 0 to 1) of its
    objects are not pruned at once unless somebody confirms.
    """

    automated: Automated | None = None
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    retry: RetryPolicy = DEFAULT_RETRY
    namespace_labels: Mapping[str, str] = field(default_factory=lambda: _NONE)
    namespace_annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)
    on_immutable: OnImmutable | None = None
    auto_rollback: AutoRollback | None = None
    prune_limit: float = 0.5

    def enabled(self, option: str) -> bool:
        """Whether the sync option is set to `true`."""
        return self.options.get(option) == "true"


MANUAL = SyncPolicy()
"""Compared, and synced only when somebody asks."""


@dataclass(frozen=True, slots=True)
class AppSpec:
    """One application. `position` is where it is written.

    `unsupported` lists fields that it uses and this version cannot honour: such an application is shown with an
    InvalidSpecError and never synced, because leaving a field out silently would change what is deployed.
    """

    name: AppName
    sources: tuple[Source, ...]
    destination: Destination
    project: str = "default"
    labels: Mapping[str, str] = field(default_factory=lambda: _NONE)
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)
    finalizers: tuple[str, ...] = ()
    sync_policy: SyncPolicy = MANUAL
    tracking: Tracking = BY_ANNOTATION
    ignore_differences: tuple[IgnoreRule, ...] = ()
    position: Position = NOWHERE
    unsupported: tuple[str, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    revision_history_limit: int = 10
