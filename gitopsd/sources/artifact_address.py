"""Origins of artifacts at this room's door: checked, masked, and with what a fetch has to know to reach them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.origin import Origin, OriginKind, file_origin, parse_origin
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_limits import ArtifactLimits

# Helm's own grammar of names, without what a path could be made of (P9).
_CHART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,249}")
_OCI_PATH: Final = re.compile(r"(/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_FORBIDDEN: Final = frozenset("\"'`;$\\<>|{}^")
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """A checked origin: `url` without user info, what hid in that, and `shown` for people."""

    kind: OriginKind
    url: str
    chart: str
    shown: str
    user: str = ""
    password: Secret | None = None

    @property
    def origin(self) -> str:
        """The origin without user info."""
        return str(Origin(self.kind, self.url, self.chart))

    @property
    def place(self) -> str:
        """The origin without user info and query: what an access is found by, and what may be shown."""
        return file_origin(shown_url(self.url)) if self.kind is OriginKind.FILE else self.origin

    @property
    def key(self) -> str:
        """What is known and kept of an origin belongs to this key: who brings another password brings another key."""
        if not self.user and self.password is None:
            return self.origin
        secret = self.password.reveal() if self.password else ""
        return f"{self.origin} {hashlib.sha256(f'{self.user}:{secret}'.encode()).hexdigest()}"


def check_origin(origin: str) -> Address:
    """Check an origin that is no git repository's; `SourceError` shows it masked."""
    parsed = parse_origin(origin)
    why, parts = _problem(parsed)
    if why or parts is None:
        raise SourceError(
            "this is not the URL of a Helm repository, a registry's repository or a file",
            where=_printable(shown_url(parsed.url)),
            why=why,
            hint="write https://HOST/PATH, or oci://HOST/REPOSITORY",
        )
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    path = parts.path if parsed.kind is OriginKind.FILE else parts.path.rstrip("/")
    url = urlunsplit((parts.scheme.lower(), host + port, path, parts.query, ""))
    shown = shown_url(url) + (f" chart {parsed.chart}" if parsed.chart else "")
    password = Secret(unquote(parts.password)) if parts.password else None
    return Address(parsed.kind, url, parsed.chart, shown, unquote(parts.username or ""), password)


def _problem(parsed: Origin) -> tuple[str, SplitResult | None]:
    url = parsed.url
    if not url or len(url) > _LONGEST or not url.isascii():
        return "the URL is empty, too long, or holds characters outside ASCII", None
    if any(letter <= " " or letter == "\x7f" for letter in url) or _FORBIDDEN & set(url):
        return "the URL holds a space, a control character, a quote, or one of ; $ ` \\ < > | { } ^", None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is the check
    except ValueError:
        return "the URL's host or port cannot be read", None
    if not _HOST.fullmatch(parts.hostname or ""):
        return "the URL's host is missing or holds characters that no host name has", None
    if ".." in unquote(parts.path).split("/"):
        return "the URL's path holds '..'", None
    return _problem_of_kind(parsed, parts), parts


def _problem_of_kind(parsed: Origin, parts: SplitResult) -> str:
    scheme = parts.scheme.lower()
    if parsed.kind is OriginKind.OCI:
        if parts.username or parts.password or parts.query or parts.fragment:
            return "a registry's URL has no user, no query and no fragment"
        return "" if _OCI_PATH.fullmatch(parts.path) else "the URL's path is no repository of a registry"
    if scheme not in {"http", "https"}:
        return "the URL's scheme is neither http nor https"
    if parsed.kind is OriginKind.FILE:
        return "" if parts.path.strip("/") else "the URL has no path"
    if parts.query or parts.fragment:
        return "a Helm repository's URL has no query and no fragment"
    return "" if _CHART.fullmatch(parsed.chart) else "this is no name of a chart"


def access_frame(address: Address, accesses: Accesses, limits: ArtifactLimits) -> JsonObject:
    """How a fetch reaches an address: credentials are those that the configuration has for its URL, and no others."""
    access = accesses.find(address.place)
    password = access.password or address.password
    return {
        "url": address.url,
        "username": access.username or address.user,
        "password": password.reveal() if password else "",
        "token": access.bearer_token.reveal() if access.bearer_token else "",
        "ca": access.ca,
        "client_cert": access.tls_client_cert,
        "client_key": access.tls_client_key.reveal() if access.tls_client_key else "",
        "insecure": access.insecure,
        "proxy": _proxy_url(access.proxy) if access.proxy else "",
        "no_proxy": list(access.no_proxy),
        "pass_credentials": access.pass_credentials,
        "force_basic": access.force_basic_auth,
        "plain_http": access.insecure_oci_force_http,
        "block_private": limits.block_private and accesses.entry(address.place) is None,
        "token_hosts": list(limits.token_hosts),
    }


def _proxy_url(proxy: Proxy) -> str:
    """The proxy as a URL, which travels on the pipe alone."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    secret = f":{quote(proxy.password.reveal(), safe='')}" if proxy.password else ""
    user = f"{quote(proxy.user, safe='')}{secret}@" if proxy.user or secret else ""
    return f"{proxy.scheme}://{user}{host}:{proxy.port}"


def _printable(shown: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in shown)[:200]
