"""`syncPolicy.syncOptions`: which exist, and their values.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitopsd.config.entry import EntryPlace
from gitopsd.config.validation import nearest
from gitopsd.core.syncoptions import OF_OBJECTS

_TRUE_OR_FALSE: Final = ("true", "false")
_OF_APPLICATIONS_ALONE: Final[Mapping[str, tuple[str, ...]]] = {
    "ClientSideApplyMigration": _TRUE_OR_FALSE,
    "CreateNamespace": _TRUE_OR_FALSE,
    "FailOnSharedResource": _TRUE_OR_FALSE,
    "PrunePropagationPolicy": ("foreground", "background", "orphan"),
}

KNOWN: Final[Mapping[str, tuple[str, ...]]] = dict(sorted({**OF_OBJECTS, **_OF_APPLICATIONS_ALONE}.items()))
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
