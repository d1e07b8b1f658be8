"""`clusters`: how to reach each, as `ClusterAccess`, and which servers they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.known_clusters import IN_CLUSTER_SERVER, comparable
from gitopsd.config.kubeconfig import KubeconfigError, KubeconfigTarget, kubeconfig_target
from gitopsd.config.models.cluster import Cluster, ClustersFrom
from gitopsd.config.references import BadReferenceError, References
from gitopsd.config.validation import nearest, shown_path
from gitopsd.config.values import ClusterSecrets
from gitopsd.core.errors import ConfigError, shown_url
from gitopsd.core.proxy import BadProxyError, Proxy, parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin

_CREDENTIALS = ("token", "tokenFile", "username", "clientCertificate", "exec", "awsAuthConfig")
_SERVER_ONLY = (*_CREDENTIALS, "password", "clientKey", "ca", "tlsServerName")
_NEEDS = (
    ("clientCertificate", "clientKey"),
    ("clientKey", "clientCertificate"),
    ("username", "password"),
    ("password", "username"),
)
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


class ClusterReader:
    """Turns entries into accesses, noting what is wrong with them.

    A kubeconfig that cannot be used is no problem where `bears` says so of its cluster's name; it is noted in `broken`.
    """

    def __init__(
        self, document: Document, references: References, problems: Problems, bears: Callable[[str], bool]
    ) -> None:
        self.broken: dict[str, ConfigError] = {}
        self._bears = bears
        self._document = document
        self._references = references
        self._problems = problems

    def access(self, model: Cluster, path: KeyPath) -> tuple[ClusterAccess, str] | None:
        """The access and the server's URL ("" if it could not be found out); None if the entry says not how
        to reach it."""
        if not model.name.strip() or not model.name.isprintable() or len(model.name) > 253:
            self._refuse((*path, "name"), "cannot be used", "expected at most 253 printable characters")
        ways = [key for key in ("kubeconfig", "inCluster", "server") if self._given(model)[key]]
        if model.context and not model.kubeconfig and not ways:
            ways = ["kubeconfig"]
        if len(ways) != 1:
            found = " and ".join(ways) if ways else "no way to reach it"
            self._problems.add(
                self._document.position(path),
                f"{shown_path(path)} has {found}",
                why="expected exactly one of kubeconfig (or context), inCluster and server",
            )
            return None
        access = ClusterAccess(
            name=model.name,
            kubeconfig=model.kubeconfig or "",
            context=model.context or "",
            in_cluster=model.in_cluster,
            server=model.server or "",
            token=model.token,
            token_file=model.token_file or "",
            client_certificate=model.client_certificate or "",
            client_key=model.client_key,
            ca=model.ca or "",
            insecure=model.insecure,
            tls_server_name=model.tls_server_name or "",
            namespaces=tuple(model.namespaces),
            cluster_resources=not model.namespaces if model.cluster_resources is None else model.cluster_resources,
            username=model.username or "",
            password=model.password,
            plugin=_plugin(model),
            proxy=self._proxy(model, path),
            labels=model.labels,
            project=model.project or "",
            disable_compression=model.disable_compression,
            in_flight=model.in_flight,
            qps=model.qps,
            burst=model.burst,
            written_at=str(self._document.position(path)),
        )
        self._check_namespaces(model, path)
        if ways != ["server"]:
            self._check_useless(model, path, _SERVER_ONLY, ways[0])
        if ways != ["kubeconfig"]:
            self._check_useless(model, path, ("context",), ways[0])
        if ways == ["inCluster"]:
            self._check_useless(model, path, ("insecure",), ways[0])
        match ways[0]:
            case "kubeconfig":
                return self._by_kubeconfig(access, path)
            case "server":
                self._check_server(model, path)
                return access, access.server
            case _:
                return access, IN_CLUSTER_SERVER

    def check_duplicates(self, accesses: list[tuple[ClusterAccess, KeyPath]]) -> None:
        """Note entries whose name an earlier entry has."""
        first: dict[str, KeyPath] = {}
        for access, path in accesses:
            earlier = first.setdefault(access.name, path)
            if earlier != path:
                place = self._document.position((*earlier, "name"))
                self._refuse((*path, "name"), "is a name that another cluster has", f"it stands at {place} too")

    def check_servers(self, accesses: list[tuple[ClusterAccess, KeyPath]], servers: Sequence[str]) -> None:
        """Warn of entries whose API server is that of an earlier entry ("" in `servers` is one that is not known): each
        watches it anew, and whoever names one of them means both. Namespaces may be shared out among several.
        """
        earlier: dict[object, list[ClusterAccess]] = {}
        for (access, path), server in zip(accesses, servers, strict=True):
            same = earlier.setdefault(comparable(server), []) if server else []
            twin = next((other for other in same if _overlap(other, access)), None)
            if twin is not None:
                self._warn(path, f"it is the same API server ({shown_url(server)}) as that of the cluster {twin.name}")
            same.append(access)

    def _by_kubeconfig(self, access: ClusterAccess, path: KeyPath) -> tuple[ClusterAccess, str]:
        place = (*path, "kubeconfig" if access.kubeconfig else "context")
        try:
            access = access if access.kubeconfig else replace(access, kubeconfig=_default_kubeconfig(self._references))
            target = kubeconfig_target(access.kubeconfig, access.context, self._references.files)
            self._check_insecure(access, path, target)
            return access, target.server
        except BadReferenceError as problem:
            self._refuse(place, "cannot be used", problem.why, problem.hint)
        except KubeconfigError as problem:
            place = (*path, "context") if problem.about_context else place
            if self._bears(access.name):
                what, where = f"{shown_path(place)} cannot be used", str(self._document.position(place))
                self.broken[access.name] = ConfigError(what, where=where, why=str(problem), hint=problem.hint)
            else:
                self._refuse(place, "cannot be used", str(problem), problem.hint)
        return access, ""

    def _check_insecure(self, access: ClusterAccess, path: KeyPath, target: KubeconfigTarget) -> None:
        """Both the kubeconfig and the entry have to want it. Raises `KubeconfigError`."""
        if target.insecure and not access.insecure:
            raise KubeconfigError(
                f"{access.kubeconfig} switches TLS verification off (insecure-skip-tls-verify)",
                hint="give it the certificate-authority; or permit it: insecure: true in the cluster's entry",
            )
        if access.insecure:
            unused = "it does nothing: the kubeconfig has no insecure-skip-tls-verify, so the certificate is checked"
            self._warn((*path, "insecure"), "whoever answers is trusted" if target.insecure else unused)

    def _check_server(self, model: Cluster, path: KeyPath) -> None:
        parts = urlsplit(model.server or "") if _splits(model.server or "") else urlsplit("")
        if (
            parts.scheme not in {"https", "http"}
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            self._refuse(
                (*path, "server"), "cannot be used", "expected https://host:port without user, query or fragment"
            )
        if parts.scheme == "http" and any(self._given(model)[key] for key in _CREDENTIALS):
            self._warn((*path, "server"), "the credentials go over plain http, where anybody on the way can read them")
        if model.insecure:
            self._warn((*path, "insecure"), "whoever answers is trusted")
        if model.insecure and model.ca:
            self._refuse((*path, "insecure"), "stands beside ca", "expected one or the other", key=True)
        given = self._given(model)
        for key, other in _NEEDS:
            if given[key] and not given[other]:
                self._problems.add(
                    self._document.position(path),
                    f"{shown_path((*path, other))} is missing",
                    why="the one needs the other",
                )
        if sum(bool(given[key]) for key in _CREDENTIALS) > 1:
            self._problems.add(
                self._document.position(path),
                f"{shown_path(path)} has several credentials",
                why="expected one of token, tokenFile, username with password, clientCertificate with clientKey, exec, "
                "and awsAuthConfig",
            )
        if model.token_file:
            self._references.files.hold_secret(model.token_file)
            try:
                # Without O_NONBLOCK a named pipe would hold the reader for ever.
                os.close(os.open(model.token_file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            except OSError as error:
                self._refuse(
                    (*path, "tokenFile"), "cannot be used", f"{model.token_file} cannot be read: {error.strerror}"
                )

    def _check_namespaces(self, model: Cluster, path: KeyPath) -> None:
        for index, name in enumerate(model.namespaces):
            if not _NAMESPACE.fullmatch(name):
                self._refuse((*path, "namespaces", index), "is no namespace's name", "")
            elif name in model.namespaces[:index]:
                self._refuse((*path, "namespaces", index), "stands in the list twice", "expected each name once")

    def _proxy(self, model: Cluster, path: KeyPath) -> Proxy | None:
        if model.proxy_url is None:
            return None
        try:
            proxy = parse_proxy(model.proxy_url.reveal())
        except BadProxyError as problem:
            self._refuse((*path, "proxyURL"), "cannot be used", str(problem))
            return None
        if proxy.scheme not in {"http", "https"}:
            self._refuse((*path, "proxyURL"), "cannot be used", "expected http://HOST:PORT or https://HOST:PORT")
        return proxy

    def _check_useless(self, model: Cluster, path: KeyPath, keys: tuple[str, ...], way: str) -> None:
        given = self._given(model)
        for key in keys:
            if given[key]:
                self._refuse((*path, key), "has no meaning here", f"the cluster is reached by {way}", key=True)

    def _given(self, model: Cluster) -> Mapping[str, object]:
        return {info.alias or name: getattr(model, name) for name, info in type(model).model_fields.items()}

    def _refuse(self, path: KeyPath, what: str, why: str, hint: str = "", *, key: bool = False) -> None:
        self._problems.add(self._document.position(path, key=key), f"{shown_path(path)} {what}", why=why, hint=hint)

    def _warn(self, path: KeyPath, sentence: str) -> None:
        self._problems.warn(self._document.position(path), f"{shown_path(path)}: {sentence}")


def cluster_secrets(
    model: ClustersFrom, clusters: Sequence[str], document: Document, path: KeyPath, problems: Problems
) -> ClusterSecrets:
    """The entry of `clustersFrom` at `path`; a cluster that is not among `clusters` is noted."""
    if model.cluster not in clusters:
        place = (*path, "cluster")
        problems.add(
            document.position(place),
            f"{shown_path(place)} names no cluster of this file",
            why=f"expected one of {', '.join(clusters) or 'none'}",
            hint=nearest(model.cluster, tuple(clusters)),
        )
    if not _NAMESPACE.fullmatch(model.namespace):
        place = (*path, "namespace")
        problems.add(document.position(place), f"{shown_path(place)} is no namespace's name")
    if model.allow_exec:
        place = (*path, "allowExec")
        problems.warn(
            document.position(place, key=True),
            f"{shown_path(place)}: whoever may write Secrets in {model.namespace} may run programs on this machine",
        )
    return ClusterSecrets(model.cluster, model.namespace, model.allow_exec)


def _plugin(model: Cluster) -> CredentialPlugin | None:
    if model.exec is not None:
        return CredentialPlugin(
            model.exec.command,
            tuple(model.exec.args),
            tuple((name, Secret(value)) for name, value in model.exec.env.items()),
            model.exec.api_version,
            model.exec.install_hint,
        )
    aws = model.aws_auth_config
    return CredentialPlugin.eks(aws.cluster_name, aws.role_arn or "", aws.profile or "") if aws else None


def _overlap(one: ClusterAccess, other: ClusterAccess) -> bool:
    """Whether both look at a namespace, or at what has none."""
    if not one.namespaces or not other.namespaces or (one.cluster_resources and other.cluster_resources):
        return True
    return not set(one.namespaces).isdisjoint(other.namespaces)


def _splits(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _default_kubeconfig(references: References) -> str:
    named = references.environ.get("KUBECONFIG")
    return references.plain_path(named or "~/.kube/config")
