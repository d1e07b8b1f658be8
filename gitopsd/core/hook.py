"""Hooks: manifests that run at a phase of a sync or of a deletion, and are no part of what is kept.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/ and
https://helm.sh/docs/topics/charts_hooks/.
"""

from __future__ import annotations

import enum
from typing import Final


class SyncPhase(enum.StrEnum):
    """When something runs; the first three follow one another in every sync."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"


SKIP: Final = "Skip"
"""The hook phase of a manifest that is never applied."""


class DeletePolicy(enum.StrEnum):
    """When a hook's object is deleted."""

    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"
    BEFORE_HOOK_CREATION = "BeforeHookCreation"


class HookOutcome(enum.StrEnum):
    """How a hook stands (Argo CD's hookPhase)."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    TERMINATED = "Terminated"

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self is not HookOutcome.RUNNING
