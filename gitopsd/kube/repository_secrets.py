"""Argo CD's repositories and credential templates, which it keeps as Secrets of its namespace.

https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories: keys and labels. Whoever may
write such a Secret chooses credentials for a URL and nothing else: no file of this machine and no program is named by
it. What cannot be used is left out and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from gitopsd.core.errors import shown_url
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, string_map, text
from gitopsd.core.origin import OriginKind
from gitopsd.core.proxy import BadProxyError, Proxy, parse_no_proxy, parse_proxy
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.core.secret import Secret
from gitopsd.core.url_place import OCI_SCHEME, place_of, registry_url
from gitopsd.kube.body import parsed_object
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.labelled_secrets import TYPE_LABEL, decoded_data, list_secrets
from gitopsd.kube.refusal import Asked
from gitopsd.ports.sources import GitHubApp, RepositoryAccess

REPOSITORY, TEMPLATE = "repository", "repo-creds"
KNOWN_HOSTS: Final = "argocd-ssh-known-hosts-cm"
CERTIFICATES: Final = "argocd-tls-certs-cm"
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})
_OF_CLOUDS: Final = ("gcpServiceAccountKey", "useAzureWorkloadIdentity", "azureServicePrincipalClientId")
_GITHUB: Final = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class RepositorySecretsFound:
    """What a namespace holds: entries, templates, and sentences about what is left out."""

    repositories: tuple[RepositoryAccess, ...] = ()
    templates: tuple[RepositoryAccess, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """Argo CD's ConfigMaps: lines of known hosts, and certificates (PEM) by the host that they are for."""

    known_hosts: str = ""
    certificates: Mapping[str, str] = field(default_factory=dict)


class _UnusableError(Exception):
    """Why a Secret is left out."""


async def read_repository_secrets(http: KubeHttp, namespace: str) -> RepositorySecretsFound:
    """Two lists and two objects of a namespace; an object that may not be read is warned of. Raises `ClusterError`."""
    secrets: list[JsonObject] = []
    for kind in (REPOSITORY, TEMPLATE):
        secrets += await list_secrets(http, namespace, kind)
    warnings: list[str] = []
    known_hosts = await _config_map(http, namespace, KNOWN_HOSTS, warnings)
    certificates = await _config_map(http, namespace, CERTIFICATES, warnings)
    found = decoded(secrets, Trust(known_hosts.get("ssh_known_hosts", ""), certificates), http.cluster)
    return replace(found, warnings=(*found.warnings, *warnings))


def decoded(secrets: Sequence[JsonObject], trust: Trust, cluster: str) -> RepositorySecretsFound:
    """The accesses that Secrets stand for, sorted by the Secrets' names. No warning holds a value. Pure."""
    repositories: list[RepositoryAccess] = []
    templates: list[RepositoryAccess] = []
    warnings: list[str] = []
    for secret in sorted(secrets, key=lambda item: text(item, "metadata", "name")):
        where = (
            f"Secret {text(secret, 'metadata', 'namespace')}/{text(secret, 'metadata', 'name')} of cluster {cluster}"
        )
        is_template = text(secret, "metadata", "labels", TYPE_LABEL) == TEMPLATE
        reading = _Reading(decoded_data(secret), trust, where, is_template, warnings)
        try:
            (templates if is_template else repositories).append(reading.access())
        except _UnusableError as error:
            warnings.append(f"{where} is left out: {error}")
        except (BadUrlError, BadProxyError) as error:
            warnings.append(f"{where} is left out: {error}")
    return RepositorySecretsFound(tuple(repositories), tuple(templates), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One Secret; `data` is decoded."""

    data: Mapping[str, str]
    trust: Trust
    where: str
    is_template: bool
    warnings: list[str]

    def access(self) -> RepositoryAccess:
        """Raises `_UnusableError`, `BadUrlError`, `BadProxyError`."""
        kind = self._get("type") or "git"
        if kind not in {"git", "helm", "oci"}:
            raise _UnusableError("its type is none of git, helm and oci")
        if self.is_template and self._get("project"):
            raise _UnusableError("a credential template of one project would serve all; only repositories have one")
        url, host = self._url(kind)
        insecure = self._flag("insecure")
        certificate, key = self._pair("tlsClientCertData", "tlsClientCertKey")
        is_ssh = self._is_ssh(url)
        for name in _OF_CLOUDS:
            if self._get(name):
                self.warnings.append(f"{self.where}: {name} is not supported; use a password, token, key or GitHub App")
        return RepositoryAccess(
            url=url,
            kind=OriginKind.OCI if url.startswith(OCI_SCHEME) else OriginKind(kind),
            name=self._get("name"),
            project=self._get("project"),
            username=self._get("username"),
            password=self._secret("password"),
            bearer_token=self._secret("bearerToken"),
            ssh_private_key=self._secret("sshPrivateKey"),
            ssh_known_hosts=self.trust.known_hosts if is_ssh else "",
            ca="" if is_ssh else self.trust.certificates.get(host, ""),
            insecure=insecure and not is_ssh,
            insecure_ignore_host_key=is_ssh and (insecure or self._flag("insecureIgnoreHostKey")),
            tls_client_cert=certificate,
            tls_client_key=Secret(key) if key else None,
            github_app=self._app(),
            proxy=self._proxy(),
            no_proxy=parse_no_proxy(self._get("noProxy")),
            depth=self._number("depth"),
            enable_lfs=self._flag("enableLfs"),
            submodules=kind == OriginKind.GIT,  # Argo CD fetches them of every repository
            force_basic_auth=self._flag("forceHttpBasicAuth"),
            insecure_oci_force_http=self._flag("insecureOCIForceHttp"),
            written_at=self.where,
        )

    def _url(self, kind: str) -> tuple[str, str]:
        """URL and host."""
        url = self._get("url")
        if not url:
            raise _UnusableError("it has no url")
        url = registry_url(url, kind=kind, enable_oci=self._flag("enableOCI")) or url
        server = place_of(url).server
        if server.startswith("file:") or not ("://" in url or "@" in url):
            raise _UnusableError("a repository of a Secret is https://…, ssh://…, git@host:path or a registry")
        if kind == "helm" and not server.startswith(("http://", "https://", OCI_SCHEME)):
            raise _UnusableError("a Helm repository's URL is https://… or a registry's")
        is_web = "://" in url and not url.startswith(OCI_SCHEME)
        if is_web and parse(f"{url.rstrip('/')}/x").password:
            raise _UnusableError(f"a password stands in its url ({shown_url(url)}); it belongs under password")
        host = server.split("://", 1)[1]
        return url, host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host

    @staticmethod
    def _is_ssh(url: str) -> bool:
        return "://" not in url or url.startswith("ssh://")

    def _get(self, key: str) -> str:
        """A value without the white space around it; of a password only the newline goes that `echo` put at its end."""
        value = self.data.get(key, "")
        return value.rstrip("\r\n") if key == "password" else value.strip()

    def _secret(self, key: str) -> Secret | None:
        return Secret(self._get(key)) if self._get(key) else None

    def _flag(self, key: str) -> bool:
        value = self._get(key)
        if value not in _TRUE | _FALSE:
            self.warnings.append(f"{self.where}: {key} is neither true nor false, and counts as false")
        return value in _TRUE

    def _number(self, key: str) -> int:
        value = self._get(key)
        if value and not (value.isascii() and value.isdecimal() and len(value) < 10):
            self.warnings.append(f"{self.where}: {key} is no number, and counts as 0")
            return 0
        return int(value or "0")

    def _pair(self, one: str, other: str) -> tuple[str, str]:
        if bool(self._get(one)) != bool(self._get(other)):
            raise _UnusableError(f"it has only one of {one} and {other}")
        return self._get(one), self._get(other)

    def _proxy(self) -> Proxy | None:
        return parse_proxy(self._get("proxy")) if self._get("proxy") else None

    def _app(self) -> GitHubApp | None:
        number, key = self._pair("githubAppID", "githubAppPrivateKey")
        installation = self._get("githubAppInstallationID")
        if not number:
            return None
        if not all(part.isascii() and part.isdecimal() for part in (number, installation or "0")):
            raise _UnusableError("githubAppID and githubAppInstallationID are numbers")
        base = self._get("githubAppEnterpriseBaseUrl") or _GITHUB
        if not place_of(base).server.startswith("https://") or "@" in base:
            raise _UnusableError("githubAppEnterpriseBaseUrl is no https://HOST/api/v3")
        return GitHubApp(number, Secret(key + "\n"), installation, base.rstrip("/"))


async def _config_map(http: KubeHttp, namespace: str, name: str, warnings: list[str]) -> Mapping[str, str]:
    """Its data; empty where it is not there or may not be read: trust that is missing refuses, it does not open. That
    it may not be read is added to `warnings`: what is refused then does not tell the cause.

    Raises `ClusterError` where no answer comes, or one that cannot be understood.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{name}"
    answer = await http.call("GET", path, verb="get", kind="ConfigMap")
    if answer.status == 403:
        where = f"ConfigMap {namespace}/{name} of cluster {http.cluster}"
        warnings.append(f"{where} may not be read, and what it trusts is not trusted: allow `get` of it")
    if not answer.ok:
        return {}
    key = ObjectKey("", "ConfigMap", namespace, name)
    return string_map(parsed_object(answer.body, Asked(http.cluster, "get", "ConfigMap", key)), "data")
