"""Argo CD's clusters, which it keeps as Secrets of its namespace.

https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#clusters: keys and their meaning. Whoever
may write such a Secret chooses a server and credentials of its own for it, and nothing else: no file of this machine is
named by it, and a program only where the configuration allows that (E8). What cannot be used is left out and said; what
is said holds no value of a Secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

from gitopsd.core.jsonvalue import JsonObject, boolean, mapping, string_map, text, value
from gitopsd.core.jsonvalue import sequence as listed
from gitopsd.core.proxy import BadProxyError, Proxy, parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.labelled_secrets import TYPE_LABEL, decoded_data, list_secrets
from gitopsd.kube.material import IN_CLUSTER_SERVER
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin

CLUSTER: Final = "cluster"
IN_CLUSTER_NAME: Final = "in-cluster"
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_LONGEST_NAME: Final = 253
_FILES: Final = frozenset({"tokenFile", "bearerTokenFile", "caFile", "certFile", "keyFile"})
_PROGRAMS: Final = ("execProviderConfig", "awsAuthConfig")
_VERSIONS: Final = frozenset({"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})


@dataclass(frozen=True, slots=True)
class ClusterSecretsFound:
    """The clusters of a namespace's Secrets, and sentences about what is left out or to be known."""

    clusters: tuple[ClusterAccess, ...] = ()
    warnings: tuple[str, ...] = ()


class _UnusableError(Exception):
    """Why a Secret is left out."""


async def read_cluster_secrets(http: KubeHttp, namespace: str, *, allow_exec: bool) -> ClusterSecretsFound:
    """The clusters that Argo CD has in a namespace. Raises `ClusterError`."""
    return decoded(await list_secrets(http, namespace, CLUSTER), http.cluster, allow_exec=allow_exec)


def decoded(secrets: Sequence[JsonObject], cluster: str, *, allow_exec: bool) -> ClusterSecretsFound:
    """The accesses that the Secrets of `cluster` stand for, sorted by the Secrets' names. Pure."""
    found: list[ClusterAccess] = []
    warnings: list[str] = []
    for secret in sorted(secrets, key=lambda item: text(item, "metadata", "name")):
        place = f"{text(secret, 'metadata', 'namespace')}/{text(secret, 'metadata', 'name')}"
        where = f"Secret {place} of cluster {cluster}"
        try:
            found.append(_Reading(secret, decoded_data(secret), where, allow_exec, warnings).access())
        except _UnusableError as error:
            warnings.append(f"{where} is left out: {error}")
    return ClusterSecretsFound(tuple(found), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One Secret; `data` is decoded."""

    secret: JsonObject
    data: Mapping[str, str]
    where: str
    allow_exec: bool
    warnings: list[str]

    def access(self) -> ClusterAccess:
        """Raises `_UnusableError`."""
        server, config = self._server(), self._config()
        tls = mapping(config, "tlsClientConfig")
        if named := sorted(_FILES & {*config, *tls}):
            raise _UnusableError(f"its config has {named[0]}, and a Secret names no file of this machine (E8)")
        names = (name.strip() for name in self._get("namespaces").split(","))
        namespaces = tuple(dict.fromkeys(name for name in names if name))
        if not all(_NAMESPACE.fullmatch(name) for name in namespaces):
            raise _UnusableError("its namespaces are no list of names with commas between them")
        certificate, key = self._pem(tls, "certData"), self._pem(tls, "keyData")
        if bool(certificate) != bool(key):
            raise _UnusableError("its tlsClientConfig has only one of certData and keyData")
        insecure = boolean(tls, "insecure")
        if insecure:
            self.warnings.append(f"{self.where}: tlsClientConfig.insecure: whoever answers is trusted")
        username, password = text(config, "username"), _credential(config, "password")
        return ClusterAccess(
            name=self._name(server),
            server=server,
            token=_credential(config, "bearerToken"),
            username=username if password else "",
            password=password if username else None,
            plugin=self._plugin(config),
            client_certificate=certificate,
            client_key=Secret(key) if key else None,
            ca="" if insecure else self._pem(tls, "caData"),
            insecure=insecure,
            tls_server_name=text(tls, "serverName"),
            proxy=_proxy(text(config, "proxyUrl")),
            namespaces=namespaces,
            cluster_resources=not namespaces or self._get("clusterResources") == "true",
            labels={key: each for key, each in self._labels().items() if key != TYPE_LABEL},
            project=self._get("project"),
            disable_compression=boolean(config, "disableCompression"),
            written_at=self.where,
        )

    def _get(self, key: str) -> str:
        return self.data.get(key, "").strip()

    def _labels(self) -> Mapping[str, str]:
        return string_map(self.secret, "metadata", "labels")

    def _name(self, server: str) -> str:
        name = self._get("name") or server
        if name == IN_CLUSTER_NAME:
            raise _UnusableError(f"{IN_CLUSTER_NAME} is the name of the cluster that Argo CD runs in")
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise _UnusableError(f"its name is not {_LONGEST_NAME} printable characters at most")
        return name

    def _server(self) -> str:
        server = self._get("server").rstrip("/")
        if not _is_server(server):
            raise _UnusableError("its server is not https://host:port without user, query and fragment")
        if server.lower().removesuffix(":443") == IN_CLUSTER_SERVER:
            raise _UnusableError(
                "it is the cluster that Argo CD runs in: give that one the name of this Secret, or the name "
                f"{IN_CLUSTER_NAME}, under `clusters`"
            )
        if server.startswith("http:"):
            self.warnings.append(f"{self.where}: its server is plain http, where anybody on the way reads credentials")
        return server

    def _config(self) -> JsonObject:
        try:
            config = orjson.loads(self.data.get("config") or "{}")
        except ValueError:
            raise _UnusableError("its config is no JSON") from None
        if not isinstance(config, dict):
            raise _UnusableError("its config is no JSON object")
        return config

    def _pem(self, tls: JsonObject, key: str) -> str:
        try:
            content = base64.b64decode(text(tls, key), validate=True).decode()
        except (binascii.Error, ValueError):
            raise _UnusableError(f"its tlsClientConfig.{key} is no base64") from None
        if content and "-----BEGIN " not in content:
            raise _UnusableError(f"its tlsClientConfig.{key} is no PEM")
        return content

    def _plugin(self, config: JsonObject) -> CredentialPlugin | None:
        named = next((key for key in _PROGRAMS if mapping(config, key)), None)
        if named is None:
            return None
        if not self.allow_exec:
            raise _UnusableError(
                f"its config has {named}, which runs a program on this machine; set allowExec: true in the entry of "
                "clustersFrom if whoever may write this Secret may do that"
            )
        given = mapping(config, named)
        if named == "awsAuthConfig":
            if not text(given, "clusterName"):
                raise _UnusableError("its awsAuthConfig has no clusterName")
            return CredentialPlugin.eks(text(given, "clusterName"), text(given, "roleARN"), text(given, "profile"))
        command, version = text(given, "command"), text(given, "apiVersion")
        if not command or version not in _VERSIONS:
            versions = " or ".join(sorted(_VERSIONS))
            raise _UnusableError(f"its execProviderConfig needs a command and the apiVersion {versions}")
        if "/" in command and not command.startswith("/"):
            raise _UnusableError("the command of its execProviderConfig is neither a name nor an absolute path")
        return CredentialPlugin(
            command,
            tuple(each for each in listed(given, "args") if isinstance(each, str)),
            tuple((name, Secret(each)) for name, each in string_map(given, "env").items()),
            version,
            text(given, "installHint"),
        )


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.hostname and parts.port != 0 and url.startswith(("https://", "http://"))
    except ValueError:
        return False
    return bool(whole and "@" not in parts.netloc and not parts.query and not parts.fragment) and (
        url.isprintable() and " " not in url
    )


def _credential(config: JsonObject, key: str) -> Secret | None:
    """Raises `_UnusableError` for what no header can hold."""
    given = value(config, key)
    content = given.strip() if isinstance(given, str) else ""
    if not content.isprintable():
        raise _UnusableError(f"its {key} holds a control character")
    return Secret(content) if content else None


def _proxy(written: str) -> Proxy | None:
    try:
        proxy = parse_proxy(written) if written else None
    except BadProxyError as error:
        raise _UnusableError(f"its proxyUrl cannot be used: {error}") from None
    if proxy is not None and proxy.scheme not in {"http", "https"}:
        raise _UnusableError("its proxyUrl cannot be used: expected http://HOST:PORT or https://HOST:PORT")
    return proxy
