"""Repository URLs at this room's door."""

from __future__ import annotations

from dataclasses import dataclass

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.core.secret import Secret


@dataclass(frozen=True, slots=True)
class NormalisedUrl:
    """A checked URL: `url` to connect to (http(s) without user info), what hid in that, `key` for comparing."""

    url: str
    key: str
    scheme: str
    user: str
    password: Secret | None


def check_url(url: str) -> NormalisedUrl:
    """Check `url` by the grammar of `gitopsd.core.repo_url` (G2, G4, G8); else a `SourceError` that shows it masked."""
    try:
        parts = parse(url)
    except BadUrlError as error:
        raise SourceError(
            "this is not the URL of a git repository",
            where=_printable(shown_url(url)),
            why=str(error),
            hint="write https://host/path, ssh://user@host/path, user@host:path or file:///path",
        ) from None
    clean = url
    if parts.scheme in {"http", "https"}:
        host = f"[{parts.host}]" if ":" in parts.host else parts.host
        port = f":{parts.port}" if parts.port else ""
        clean = f"{parts.scheme}://{host}{port}{parts.path}"
    password = Secret(parts.password) if parts.password else None
    return NormalisedUrl(clean.rstrip("/"), parts.key, parts.scheme, parts.user, password)


def _printable(shown: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in shown)[:200]
