"""Credentials, trust and proxies of one entry: whether they fit together and to the URL's scheme, and as values."""

from __future__ import annotations

import ssl
from typing import TypedDict, Unpack

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.repository import RepositoryReach
from gitopsd.config.validation import shown_path
from gitopsd.core.known_hosts import BadKnownHostsError, check_known_hosts
from gitopsd.core.origin import OriginKind
from gitopsd.core.proxy import BadProxyError, Proxy, parse_no_proxy, parse_proxy
from gitopsd.core.repo_url import BadUrlError
from gitopsd.core.secret import Secret
from gitopsd.core.url_place import OCI_SCHEME, place_of
from gitopsd.ports.sources import GitHubApp, RepositoryAccess, Verification

_SSH_ONLY = ("sshPrivateKey", "sshKnownHosts", "insecureIgnoreHostKey")
_WEB_ONLY = ("username", "password", "bearerToken", "ca", "insecure", "tlsClientCertData", "tlsClientCertKey")
_GIT_WEB_ONLY = ("forceHttpBasicAuth", "githubAppID", "githubAppInstallationID", "githubAppPrivateKey")
_OCI_ONLY = ("insecureOCIForceHttp",)
_NEEDS = (
    ("tlsClientCertData", "tlsClientCertKey"),
    ("tlsClientCertKey", "tlsClientCertData"),
    ("githubAppID", "githubAppPrivateKey"),
    ("githubAppPrivateKey", "githubAppID"),
    ("githubAppInstallationID", "githubAppID"),
    ("githubAppEnterpriseBaseUrl", "githubAppID"),
    ("noProxy", "proxy"),
    ("forceHttpBasicAuth", "password"),
)
_INSECURE = ("insecure", "insecureIgnoreHostKey", "insecureOCIForceHttp")
_GITHUB = "https://api.github.com"


class RepositoryExtras(TypedDict, total=False):
    """What a repository has and a template does not."""

    name: str
    project: str
    depth: int
    enable_lfs: bool
    submodules: bool
    verify: Verification | None
    written_at: str


def access_of(model: RepositoryReach, url: str, **extras: Unpack[RepositoryExtras]) -> RepositoryAccess:
    """The value of a checked entry. What did not fit is left out of it: `check_reach` noted that."""
    return RepositoryAccess(
        url=url,
        username=(model.username or "").rstrip("\r\n"),
        password=_one_line(model.password),
        bearer_token=_one_line(model.bearer_token),
        ssh_private_key=_ended(model.ssh_private_key),
        ssh_known_hosts=model.ssh_known_hosts or "",
        ca=model.ca or "",
        insecure=model.insecure,
        insecure_ignore_host_key=model.insecure_ignore_host_key,
        kind=OriginKind.OCI if url.startswith(OCI_SCHEME) else OriginKind(model.type),
        tls_client_cert=model.tls_client_cert_data or "",
        tls_client_key=_ended(model.tls_client_cert_key),
        github_app=_app(model),
        proxy=_proxy(model),
        no_proxy=_no_proxy(model),
        force_basic_auth=model.force_http_basic_auth,
        pass_credentials=model.pass_credentials,
        insecure_oci_force_http=model.insecure_oci_force_http,
        **extras,
    )


def check_reach(model: RepositoryReach, scheme: str, document: Document, path: KeyPath, problems: Problems) -> None:
    """Note what does not fit together, and what has no meaning for a URL of this scheme; warn of what is insecure."""
    given = {info.alias or name: getattr(model, name) for name, info in type(model).model_fields.items()}
    for key in _useless(model, scheme):
        if given[key]:
            why = f"the URL's scheme is {scheme}"
            _note(document, (*path, key), problems, "has no meaning here", why)
    for key, other in _NEEDS:
        if given[key] and not given[other]:
            _note(document, (*path, key), problems, "does not stand alone", f"expected {other} beside it")
    _check_one_way(given, document, path, problems)
    _check_proxy(model, document, path, problems)
    _check_trust(model, document, path, problems)
    _check_base_url(model, document, path, problems)
    if scheme == "http" and (model.password or model.bearer_token or model.github_app_private_key):
        problems.warn(
            document.position((*path, "url")), "credentials go over plain http, where anybody on the way can read them"
        )
    for key in _INSECURE:
        if given[key]:
            problems.warn(
                document.position((*path, key), key=True), f"{shown_path((*path, key))}: whoever answers is trusted"
            )


def _useless(model: RepositoryReach, scheme: str) -> tuple[str, ...]:
    is_web = scheme in {"https", "http"}
    return (
        *(_SSH_ONLY if scheme != "ssh" else ()),
        *(_WEB_ONLY if not is_web and scheme != "oci" else ()),
        *(_GIT_WEB_ONLY if not is_web or model.type != "git" else ()),
        *(_OCI_ONLY if scheme != "oci" else ()),
        *(("passCredentials",) if model.type == "git" else ()),
        *(("enableOCI",) if model.type != "helm" else ()),
        *(("proxy", "noProxy") if scheme == "file" else ()),
    )


def _check_one_way(given: dict[str, object], document: Document, path: KeyPath, problems: Problems) -> None:
    """A server is told in one way who we are; a client certificate may stand beside that."""
    if given["bearerToken"] and (given["password"] or given["username"]):
        _note(document, (*path, "bearerToken"), problems, "stands beside username and password", _ONE)
    if given["githubAppID"] and (given["password"] or given["username"] or given["bearerToken"]):
        _note(document, (*path, "githubAppID"), problems, "stands beside a password or token", _ONE)


_ONE = "expected one or the other"


def _check_proxy(model: RepositoryReach, document: Document, path: KeyPath, problems: Problems) -> None:
    key = "proxy"
    try:
        if model.proxy is not None:
            parse_proxy(model.proxy.reveal())
        key = "noProxy"
        parse_no_proxy(model.no_proxy or "")
    except BadProxyError as problem:
        place = (*path, key)
        problems.add(document.position(place), f"{shown_path(place)} cannot be used", why=str(problem))


def _check_trust(model: RepositoryReach, document: Document, path: KeyPath, problems: Problems) -> None:
    try:
        check_known_hosts(model.ssh_known_hosts or "")
    except BadKnownHostsError as problem:
        place = (*path, "sshKnownHosts")
        problems.add(document.position(place), f"{shown_path(place)} cannot be used", why=str(problem))
    try:
        if model.ca is not None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=model.ca)
    except (ssl.SSLError, ValueError):
        place = (*path, "ca")
        problems.add(
            document.position(place),
            f"{shown_path(place)} cannot be used",
            why="it holds no certificates, or broken ones",
        )


def _check_base_url(model: RepositoryReach, document: Document, path: KeyPath, problems: Problems) -> None:
    url = model.github_app_enterprise_base_url
    if url is None:
        return
    place = (*path, "githubAppEnterpriseBaseUrl")
    try:
        server = place_of(url).server
    except BadUrlError as problem:
        problems.add(document.position(place), f"{shown_path(place)} cannot be used", why=str(problem))
        return
    if not server.startswith(("https://", "http://")) or "@" in url:
        problems.add(
            document.position(place), f"{shown_path(place)} cannot be used", why="expected https://HOST/api/v3"
        )
    elif server.startswith("http://"):
        problems.warn(
            document.position(place), f"{shown_path(place)}: tokens go over plain http, where anybody can read them"
        )


def _note(document: Document, place: KeyPath, problems: Problems, what: str, why: str) -> None:
    problems.add(document.position(place, key=True), f"{shown_path(place)} {what}", why=why)


def _app(model: RepositoryReach) -> GitHubApp | None:
    if not model.github_app_id or not model.github_app_private_key:
        return None
    base = model.github_app_enterprise_base_url or _GITHUB
    key = Secret(_whole(model.github_app_private_key.reveal()))
    return GitHubApp(model.github_app_id, key, model.github_app_installation_id or "", base.rstrip("/"))


def _proxy(model: RepositoryReach) -> Proxy | None:
    try:
        return parse_proxy(model.proxy.reveal()) if model.proxy else None
    except BadProxyError:
        return None


def _no_proxy(model: RepositoryReach) -> tuple[str, ...]:
    try:
        return parse_no_proxy(model.no_proxy or "")
    except BadProxyError:
        return ()


def _one_line(secret: Secret | None) -> Secret | None:
    """A password or token without the newline that `echo` put at the end of a variable: none goes into a header."""
    return Secret(secret.reveal().rstrip("\r\n")) if secret else None


def _ended(key: Secret | None) -> Secret | None:
    """A private key with the newline at its end that some readers insist on."""
    return Secret(_whole(key.reveal())) if key else None


def _whole(pem: str) -> str:
    return pem.rstrip("\n") + "\n"
