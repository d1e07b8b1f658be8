"""What a sync may do: the application's policy and what was asked for, as one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gitopsd.core.app import AppSpec, SyncPolicy
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.plan import PROTECTED, PlanOptions
from gitopsd.core.syncrequest import SyncRequest

_PROPAGATIONS = ("Foreground", "Background", "Orphan")


def plan_options(
    spec: AppSpec,
    request: SyncRequest,
    *,
    suffix: str = "",
    protected: Collection[GroupKind] = PROTECTED,
    claimed: Mapping[ObjectKey, str] | None = None,
    held: frozenset[ObjectKey] = frozenset(),
) -> PlanOptions:
    """What a sync of `spec` that was asked for by `request` may do.

    `suffix`, the beginning of the commit and when the sync began (`1a2b3c4-1790000000`), ends the names of generated
    hooks. `claimed` names for objects the other applications that want them too; `held` are objects that no sync
    has pruned so far because they were too many at once.
    """
    policy = spec.sync_policy
    options = {**policy.options, **request.options}
    automated = policy.automated
    propagation = options.get("PrunePropagationPolicy", "").capitalize()
    return PlanOptions(
        prune=_prunes(policy, request),
        prune_last=options.get("PruneLast") == "true",
        propagation=propagation if propagation in _PROPAGATIONS else _PROPAGATIONS[0],
        request=request,
        options=options,
        on_immutable=policy.on_immutable,
        prune_limit=policy.prune_limit,
        held=held,
        may_empty=automated is not None and automated.allow_empty,
        protected=frozenset(protected),
        hooks=request.hooks,
        suffix=suffix,
        claimed=claimed or {},
    )


def _prunes(policy: SyncPolicy, request: SyncRequest) -> bool:
    if request.prune is not None:
        return request.prune
    return policy.automated is not None and policy.automated.prune
