"""An access as it crosses to a worker: what one request to one URL needs, and no more. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.proxy import bypasses
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess
from gitopsd.sources.urls import NormalisedUrl

_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}
_CRL: Final = "-----BEGIN X509 CRL-----"
# GitHub's documentation: the user name for git over https with an installation token.
_APP_USER: Final = "x-access-token"


def git_frame(access: RepositoryAccess, url: NormalisedUrl, target: str, app_token: Secret | None) -> JsonObject:
    """For git at `target`, which is `url` or where its server said that it moved to. `app_token` is a GitHub App's."""
    password = app_token or access.password or url.password
    return {
        **_reach(access, target),
        "username": _APP_USER if app_token else access.username or url.user,
        "password": _revealed(password),
        "token": _revealed(access.bearer_token),
        "force_basic": access.force_basic_auth,
        "ssh_key": access.ssh_private_key.reveal().rstrip() + "\n" if access.ssh_private_key else "",
        "known_hosts": access.ssh_known_hosts,
        "insecure_host_key": access.insecure_ignore_host_key,
    }


def app_frame(access: RepositoryAccess, base_url: str) -> JsonObject:
    """For the API of a GitHub App: trust and proxy alone."""
    return _reach(access, base_url)


def _reach(access: RepositoryAccess, url: str) -> JsonObject:
    frame: JsonObject = {
        "url": url,
        "insecure": access.insecure,
        "check_revocation": _CRL in access.ca,
        "client_cert": access.tls_client_cert,
        "client_key": _revealed(access.tls_client_key),
    }
    proxy = access.proxy
    if proxy is None or bypasses(access.no_proxy, *_target(url)):
        return frame
    return {
        **frame,
        "proxy_scheme": proxy.scheme,
        "proxy_host": proxy.host,
        "proxy_port": proxy.port,
        "proxy_user": proxy.user,
        "proxy_password": _revealed(proxy.password),
    }


def _target(url: str) -> tuple[str, int]:
    try:
        parts = parse(url)
        return parts.host, parts.port or _PORTS.get(parts.scheme, 0)
    except BadUrlError:
        bare = urlsplit(url)
        return bare.hostname or "", bare.port or _PORTS.get(bare.scheme, 0)


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""
