"""`syncPolicy.syncOptions`: which exist (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/), which
are honoured."""

from __future__ import annotations

from dataclasses import dataclass

_TRUE_OR_FALSE = ("true", "false")


@dataclass(frozen=True, slots=True)
class SyncOption:
    """An option's values, and those of them that this version honours."""

    values: tuple[str, ...]
    honoured: tuple[str, ...]


KNOWN = {
    "ApplyOutOfSyncOnly": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "ClientSideApplyMigration": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "CreateNamespace": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "Delete": SyncOption(("true", "false", "confirm"), ("true",)),
    "FailOnSharedResource": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "Force": SyncOption(_TRUE_OR_FALSE, ("false",)),
    "Prune": SyncOption(("true", "false", "confirm"), _TRUE_OR_FALSE),
    "PruneLast": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "PrunePropagationPolicy": SyncOption(
        ("foreground", "background", "orphan"), ("foreground", "background", "orphan")
    ),
    "Replace": SyncOption(_TRUE_OR_FALSE, ("false",)),
    "RespectIgnoreDifferences": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "ServerSideApply": SyncOption(_TRUE_OR_FALSE, ("true",)),
    "SkipDryRunOnMissingResource": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
    "Validate": SyncOption(_TRUE_OR_FALSE, _TRUE_OR_FALSE),
}
"""Values that are Argo CD's default and change nothing count as honoured.

So do three that say what happens here anyway: only objects that differ are applied, no dry-run stands before a kind
that is not there yet, and unknown fields are warnings of the API server.
"""
