"""Words of foreign programs as they may be shown: without the secrets that they may quote (S8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gitopsd.core.errors import shown_url

_LEAST_SECRET: Final = 4
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s'\"<>]+")
_NAMED: Final = re.compile(
    r"((?:password|passwd|secret|token|authorization|api[-_]?key|credential)[\"']?\s*[:=]\s*(?:bearer\s+|basic\s+)?)"
    r"[^\s,;]+",
    re.IGNORECASE,
)
_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)


def masked(words: str, secrets: Iterable[str] = ()) -> str:
    """`words` with `secrets` and what looks like one blotted out, URLs without credentials, printable characters only.

    Secrets of fewer than four characters are left: they would blot out ordinary words.
    """
    for secret in sorted((each for each in secrets if len(each) >= _LEAST_SECRET), key=len, reverse=True):
        words = words.replace(secret, "…")
    words = _PEM.sub("…", words)
    words = _URL.sub(lambda found: shown_url(found[0]), words)
    words = _NAMED.sub(r"\1…", words)
    return "".join(each if each.isprintable() or each == "\n" else " " for each in words)
