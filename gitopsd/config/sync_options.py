"""`syncPolicy.syncOptions`: which exist, and their values.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gitopsd.config.entry import EntryPlace
from gitopsd.config.validation import nearest

_TRUE_OR_FALSE: Final = ("true", "false")
_CONFIRM: Final = ("true", "false", "confirm")

KNOWN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ApplyOutOfSyncOnly": _TRUE_OR_FALSE,
        "ClientSideApplyMigration": _TRUE_OR_FALSE,
        "CreateNamespace": _TRUE_OR_FALSE,
        "Delete": _CONFIRM,
        "FailOnSharedResource": _TRUE_OR_FALSE,
        "Force": _TRUE_OR_FALSE,
        "Prune": _CONFIRM,
        "PruneLast": _TRUE_OR_FALSE,
        "PrunePropagationPolicy": ("foreground", "background", "orphan"),
        "Replace": _TRUE_OR_FALSE,
        "RespectIgnoreDifferences": _TRUE_OR_FALSE,
        "ServerSideApply": _TRUE_OR_FALSE,
        "SkipDryRunOnMissingResource": _TRUE_OR_FALSE,
        "Validate": _TRUE_OR_FALSE,
    }
)
"""Each option with its values; all are honoured (docs/syncing.md says how)."""


def sync_options(given: list[str], place: EntryPlace) -> Mapping[str, str]:
    """The options as key → value; what is unknown, has no such value or contradicts another one is noted at `place`."""
    options: dict[str, str] = {}
    for index, text in enumerate(given):
        path = ("syncPolicy", "syncOptions", index)
        name, equals, value = (part.strip() for part in text.partition("="))
        known = KNOWN.get(name)
        if known is None:
            near = nearest(name, tuple(KNOWN))
            place.refuse(
                path,
                f"{place.shown(path)}: there is no sync option {name[:80]}",
                why=f"expected one of {', '.join(KNOWN)}",
                hint=f"{near}, the nearest known option" if near else "",
            )
        elif not equals or value not in known:
            place.refuse(
                path,
                f"{place.shown(path)} cannot be used",
                why=f"expected {name}= and one of {', '.join(known)}",
            )
        elif options.get(name, value) != value:
            place.refuse(path, f"{place.shown(path)} contradicts another one", why=f"expected {name} once")
        else:
            options[name] = value
    return options
