"""Proxies on the way to a repository: their grammar (advisory G3), and which hosts are reached without one.

A proxy is parsed here once and travels in parts: no shell, no command and no library sees the text that was configured.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from gitopsd.core.secret import Secret

# As Go's net/http has them.
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_FORBIDDEN: Final = frozenset("\"'`;$\\<>|")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_NO_PROXY_NAME: Final = re.compile(r"\.?[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_LONGEST: Final = 2048


class BadProxyError(ValueError):
    """A text that is no proxy; says why in words that quote nothing of it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`scheme` is http, https, socks5 or socks5h (names are resolved by the proxy with both); `port` is never 0."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: Secret | None = None

    @property
    def shown(self) -> str:
        """As it may be shown: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_proxy(text: str) -> Proxy:
    """`http://`, `https://` or `socks5://` with `[user[:password]@]host[:port]`; raises `BadProxyError`."""
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise BadProxyError("the proxy's URL is empty, too long, or holds a space or a control character")
    plain = unquote(text)
    if any(letter in _FORBIDDEN or letter < " " or letter == "\x7f" for letter in plain):
        raise BadProxyError("the proxy's URL holds a quote, a control character, or one of ; $ ` \\ < > |")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadProxyError("the proxy's host or port cannot be read") from None
    scheme = parts.scheme.lower()
    if "://" not in text or scheme not in _DEFAULT_PORTS:
        raise BadProxyError("expected http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise BadProxyError("a proxy's URL has no path, no query and no fragment")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise BadProxyError("the proxy's host is missing or holds characters that no host name has")
    if port == 0:
        raise BadProxyError("the proxy's port is 0")
    password = unquote(parts.password or "")
    user = unquote(parts.username or "")
    return Proxy(scheme, host, port or _DEFAULT_PORTS[scheme], user, Secret(password) if password else None)


def parse_no_proxy(text: str) -> tuple[str, ...]:
    """The entries of `noProxy`: `*`, an address, a network (CIDR), a domain (`.domain` for what is below it alone).

    Separated by commas or spaces; all but networks may end with a port. Raises `BadProxyError`.
    https://pkg.go.dev/golang.org/x/net/http/httpproxy describes the format, which Argo CD uses.
    """
    entries = tuple(entry for entry in re.split(r"[,\s]+", text) if entry)
    for number, entry in enumerate(entries, 1):
        host, _ = _split(entry.removeprefix("*") if entry.startswith("*.") else entry)
        if host != "*" and _network(host) is None and not _NO_PROXY_NAME.fullmatch(host):
            raise BadProxyError(f"entry {number} is neither a domain, an address, a network nor *")
    return entries


def bypasses(no_proxy: Sequence[str], host: str, port: int) -> bool:
    """Whether `host` is reached without the proxy."""
    wanted = host.lower().rstrip(".")
    address = _address(wanted)
    for entry in no_proxy:
        name, wanted_port = _split(entry.lower())
        if wanted_port and wanted_port != port:
            continue
        network = _network(name)
        if name == "*" or (network is not None and address is not None and address in network):
            return True
        if network is None and _is_below(wanted, name.removeprefix("*")):
            return True
    return False


def _is_below(host: str, name: str) -> bool:
    """`example.org` stands for itself and all below it, `.example.org` for what is below it."""
    bare = name.lstrip(".")
    return bool(bare) and (host.endswith(f".{bare}") or (host == bare and not name.startswith(".")))


def _split(entry: str) -> tuple[str, int]:
    """Host and port; port 0 for any."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":") or "0"
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:
        return entry, 0
    return (host, int(port)) if port.isdecimal() and len(port) < 6 else (entry, 0)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
