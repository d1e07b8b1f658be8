"""What is wrong with an application, in Argo CD's condition types."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ConditionType(enum.StrEnum):
    """Argo CD's condition types; the first five are errors, the others warnings.

    Four are our own: SourceWarning, for a repository that does not answer while the last known revision is still kept,
    RandomValueWarning, for manifests that are no function of git, ManifestWarning, for annotations of ours that nobody
    understands, and UnreadableResourceWarning, for objects that left git and may still be there.
    """

    DELETION_ERROR = "DeletionError"
    INVALID_SPEC_ERROR = "InvalidSpecError"
    COMPARISON_ERROR = "ComparisonError"
    SYNC_ERROR = "SyncError"
    UNKNOWN_ERROR = "UnknownError"
    SHARED_RESOURCE_WARNING = "SharedResourceWarning"
    REPEATED_RESOURCE_WARNING = "RepeatedResourceWarning"
    EXCLUDED_RESOURCE_WARNING = "ExcludedResourceWarning"
    ORPHANED_RESOURCE_WARNING = "OrphanedResourceWarning"
    SOURCE_WARNING = "SourceWarning"
    RANDOM_VALUE_WARNING = "RandomValueWarning"
    MANIFEST_WARNING = "ManifestWarning"
    UNREADABLE_RESOURCE_WARNING = "UnreadableResourceWarning"

    @property
    def is_error(self) -> bool:
        """Whether it says that something does not work (else it is only worth a look)."""
        return self.value.endswith("Error")


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """One thing that is wrong, and what to do about it."""

    type: ConditionType
    message: str
