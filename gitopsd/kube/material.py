"""What stands in kubeconfigs, service accounts and entries of `clusters`: read from the disk, not made use of yet."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import anyio

from gitopsd.core.errors import ClusterError, shown_url
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.pem import AUTHORITY, CERTIFICATE, KEY, BadPemError, check_named
from gitopsd.core.proxy import BadProxyError, Proxy, parse_proxy
from gitopsd.core.secret import Secret
from gitopsd.core.url_place import split_user
from gitopsd.kube.library import Configuration, KubeConfigLoader, load
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin

IN_CLUSTER_SERVER: Final = "https://kubernetes.default.svc"
ROTATION_SECONDS: Final = 60.0
CREDENTIALS: Final = "Credentials"
LIBRARY: Final = load()
_PROVIDER_SECONDS: Final = 30.0
_IMPERSONATING: Final = ("as", "as-uid", "as-groups", "as-user-extra")
_CLUSTER_EXTENSION: Final = "client.authentication.k8s.io/exec"


@dataclass(frozen=True, slots=True)
class Material:
    """What was read: PEM texts, and the plugin that gives the rest. `told` is what it is told of the cluster."""

    server: str
    tls_server_name: str
    insecure: bool
    ca: str
    certificate: str = ""
    key: Secret | None = None
    authorization: Secret | None = None
    proxy: Proxy | None = None
    lifetime: float | None = None
    plugin: CredentialPlugin | None = None
    told: JsonObject | None = None


def read_material(access: ClusterAccess) -> Material:
    """Blocks on the disk, and with a kubeconfig's auth-provider on the network; one at a time in a process, for the
    library keeps its temporary files in one global. Raises `ClusterError`, and whatever a broken file makes the library
    raise.
    """
    if access.kubeconfig:
        return _from_kubeconfig(access)
    if access.in_cluster:
        return _from_service_account(access)
    return _from_fields(access)


def _from_kubeconfig(access: ClusterAccess) -> Material:
    if not Path(access.kubeconfig).is_file():
        raise unusable(access, f"{access.kubeconfig}: no such file")
    merged = LIBRARY.KubeConfigMerger(access.kubeconfig).config
    configuration = LIBRARY.Configuration()
    with tempfile.TemporaryDirectory(prefix="gitopsd-") as folder:
        loader = LIBRARY.KubeConfigLoader(
            config_dict=merged, active_context=access.context or None, config_base_path=None, temp_file_path=folder
        )
        user: Mapping[str, JsonValue] = loader._user.value if loader._user is not None else {}
        if impersonating := [key for key in _IMPERSONATING if user.get(key)]:
            raise unusable(
                access, f"its user has {impersonating[0]}, and a connection that impersonates is not supported"
            )
        plugin, told = _plugin(access, loader)
        _check_pem(access, loader)
        try:
            lifetime = _load(loader, configuration)
            found = _material(access, configuration, lifetime)
        finally:
            LIBRARY.remove_temporary_files()
    return replace(found, plugin=plugin, told=told)


def _check_pem(access: ClusterAccess, loader: KubeConfigLoader) -> None:
    """Refuse what the library would take for no certificates at all: the system's would be trusted instead."""
    cluster = loader._cluster.value
    user = loader._user.value if loader._user is not None else {}
    if not text(cluster, "server").startswith("https"):
        return
    folder = os.path.dirname(os.path.abspath(loader._cluster.path or access.kubeconfig))

    def read(path: str) -> str:
        return Path(folder, path).read_bytes().decode("ascii", "ignore")

    for entry, key in ((cluster, AUTHORITY), (user, CERTIFICATE), (user, KEY)):
        try:
            check_named(entry, key, read)
        except BadPemError as error:
            raise unusable(access, str(error)) from None
        if entry.get(key) and not entry.get(f"{key}-data"):
            entry.pop(f"{key}-data", None)  # the library would go by it though it is empty


def _plugin(access: ClusterAccess, loader: KubeConfigLoader) -> tuple[CredentialPlugin | None, JsonObject | None]:
    """The context's credential plugin, which is taken away from the library, and what it wants to know of the cluster.

    The library would wait for it for ever, give it the whole environment, and read all that it prints.
    """
    user = loader._user
    written = mapping(user.value, "exec") if user is not None else {}
    if user is None or not written:
        return None, None
    del user.value["exec"]
    if text(written, "interactiveMode") == "Always":
        raise unusable(access, "its credential plugin wants a terminal (interactiveMode: Always)")
    command = text(written, "command")
    if "/" in command and not os.path.isabs(command):
        command = os.path.join(os.path.dirname(os.path.abspath(user.path or access.kubeconfig)), command)
    arguments = written.get("args")
    plugin = CredentialPlugin(
        command,
        tuple(str(each) for each in arguments) if isinstance(arguments, list) else (),
        tuple((text(pair, "name"), Secret(text(pair, "value"))) for pair in objects(written, "env")),
        text(written, "apiVersion"),
        text(written, "installHint"),
    )
    return plugin, _told(loader._cluster.value) if written.get("provideClusterInfo") is True else None


def _told(cluster: JsonObject) -> JsonObject:
    """A kubeconfig's cluster as plugins are told of it (`ExecCredentialSpec.cluster`)."""
    names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    told: dict[str, JsonValue] = {name: cluster[name] for name in names if name in cluster}
    for extension in objects(cluster, "extensions"):
        if text(extension, "name") == _CLUSTER_EXTENSION:
            told["config"] = extension.get("extension")
    return told


def _load(loader: KubeConfigLoader, configuration: Configuration) -> float | None:
    """Fill the configuration in; gives the credentials' lifetime.

    Providers' and files' tokens rotate; what stands in the kubeconfig itself is read anew only after a 401. A provider
    asks over the network, which needs a loop; without one the library's coroutine has nothing to wait for and is run
    through.
    """
    user: Mapping[str, JsonValue] = loader._user.value if loader._user is not None else {}
    if "auth-provider" in user:
        anyio.run(_ask_provider, loader, configuration)
        return ROTATION_SECONDS
    with contextlib.suppress(StopIteration):
        loader.load_and_set(configuration).send(None)
    return ROTATION_SECONDS if "tokenFile" in user else None


async def _ask_provider(loader: KubeConfigLoader, configuration: Configuration) -> None:
    with anyio.fail_after(_PROVIDER_SECONDS):
        await loader.load_and_set(configuration)


def _from_service_account(access: ClusterAccess) -> Material:
    configuration = LIBRARY.Configuration()
    LIBRARY.load_incluster_config(client_configuration=configuration, try_refresh_token=False)
    return _material(access, configuration, ROTATION_SECONDS)


def _material(access: ClusterAccess, configuration: Configuration, lifetime: float | None) -> Material:
    """What the library found; its files are gone a moment later."""
    header = configuration.api_key.get("BearerToken", "").strip()
    key = _content(configuration.key_file)
    # A secret in the URL would go wherever the cluster's address is told.
    server, user, password = split_user(configuration.host.rstrip("/"))
    if (user or password) and not header:
        header = _basic(user, password)
    return Material(
        server=server,
        tls_server_name=access.tls_server_name or configuration.tls_server_name or "",
        insecure=not configuration.verify_ssl,
        ca=_content(configuration.ssl_ca_cert),
        certificate=_content(configuration.cert_file),
        key=Secret(key) if key else None,
        authorization=Secret(header) if header else None,
        proxy=access.proxy or _proxy(access, configuration.proxy or ""),
        lifetime=lifetime,
    )


def _content(path: str | None) -> str:
    return Path(path).read_bytes().decode("ascii", "ignore") if path else ""


def _proxy(access: ClusterAccess, written: str) -> Proxy | None:
    try:
        proxy = parse_proxy(written) if written else None
    except BadProxyError as error:
        raise unusable(access, f"its proxy-url cannot be used: {error}") from None
    if proxy is not None and proxy.scheme not in {"http", "https"}:
        raise unusable(access, "its proxy-url cannot be used: expected http://HOST:PORT or https://HOST:PORT")
    return proxy


def _from_fields(access: ClusterAccess) -> Material:
    header = ""
    if access.token_file:
        header = f"Bearer {Path(access.token_file).read_text(encoding='utf-8').strip()}"
    elif access.token is not None:
        header = f"Bearer {access.token.reveal().strip()}"
    elif access.password is not None:
        header = _basic(access.username, access.password.reveal())
    return Material(
        server=access.server.rstrip("/"),
        tls_server_name=access.tls_server_name,
        insecure=access.insecure,
        ca="",
        certificate=access.client_certificate,
        key=access.client_key,
        authorization=Secret(header) if header else None,
        proxy=access.proxy,
        lifetime=ROTATION_SECONDS if access.token_file else None,
        plugin=access.plugin,
    )


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def unusable(access: ClusterAccess, why: str, hint: str = "") -> ClusterError:
    """The error of credentials that cannot be used; `why` quotes no value."""
    source = access.kubeconfig or shown_url(access.server) or "the pod's service account"
    return ClusterError(
        "the cluster's credentials cannot be used",
        where=f"cluster {access.name}",
        why=f"{source}: {why}" if not why.startswith(source) else why,
        hint=hint or f"correct {access.written_at or f'the entry {access.name!r} under `clusters`'}, or what it names",
        reason=CREDENTIALS,
    )
