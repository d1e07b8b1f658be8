"""From what the configuration says of a cluster to what a connection needs: address, TLS, an Authorization header."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from gitopsd.core.errors import ClusterError
from gitopsd.core.secret import Secret
from gitopsd.kube.library import Configuration, KubeConfigLoader, load
from gitopsd.ports.cluster import ClusterAccess

IN_CLUSTER_SERVER: Final = "https://kubernetes.default.svc"
_PLUGIN_SECONDS: Final = 30.0
_ROTATION_SECONDS: Final = 60.0
_LIBRARY: Final = load()
# The library keeps its temporary files in one global; a lock of one thread keeps clusters from deleting each other's.
_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection needs. `lifetime`: seconds after which they are to be read anew (None: only after a 401).

    `fingerprint` is equal if and only if an open connection may go on being used.
    """

    server: str
    tls: ssl.SSLContext | None
    tls_server_name: str
    authorization: Secret | None
    proxy: str
    fingerprint: str
    lifetime: float | None


async def read_credentials(access: ClusterAccess) -> Credentials:
    """Read kubeconfig, certificates and tokens, and run the credential plugin if there is one; in a thread.

    Raises `ClusterError` (not retryable by itself) naming the file or key at fault, never a value.
    """
    try:
        return await anyio.to_thread.run_sync(_read, access, limiter=_ONE_AT_A_TIME, abandon_on_cancel=True)
    except ClusterError:
        raise
    except TimeoutError as error:
        raise _failed(access, "its credential plugin did not answer in time") from error
    except ssl.SSLError as error:
        raise _failed(access, "its certificate or key is not valid PEM, or they do not belong together") from error
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else ""
        raise _failed(access, f"{name}: {error.strerror or type(error).__name__}") from error
    except _LIBRARY.ConfigException as error:
        raise _failed(access, _first_line(error)) from error
    except Exception as error:  # whatever a broken kubeconfig makes the library raise (KeyError, YAML …)
        raise _failed(access, f"it cannot be read ({type(error).__name__})") from error


def _failed(access: ClusterAccess, why: str) -> ClusterError:
    source = access.kubeconfig or access.server or "the pod's service account"
    return ClusterError(
        "the cluster's credentials cannot be used",
        where=f"cluster {access.name}",
        why=f"{source}: {why}" if not why.startswith(source) else why,
        hint=f"correct the entry {access.name!r} under `clusters`, or the file that it names",
        reason="Credentials",
    )


def _first_line(error: Exception) -> str:
    """Plugins write whatever they like to their standard error; what follows the exit code is not shown."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return line.split(". ", 1)[0] if line.startswith("exec:") else line[:200]


def _read(access: ClusterAccess) -> Credentials:
    if access.kubeconfig:
        return _from_kubeconfig(access)
    if access.in_cluster:
        return _from_service_account(access)
    return _from_fields(access)


def _from_kubeconfig(access: ClusterAccess) -> Credentials:
    if not Path(access.kubeconfig).is_file():
        raise _failed(access, f"{access.kubeconfig}: no such file")
    merged = _LIBRARY.KubeConfigMerger(access.kubeconfig).config
    configuration = _LIBRARY.Configuration()
    with tempfile.TemporaryDirectory(prefix="gitopsd-") as folder:
        loader = _LIBRARY.KubeConfigLoader(
            config_dict=merged, active_context=access.context or None, config_base_path=None, temp_file_path=folder
        )
        try:
            lifetime = _load(loader, configuration)
            return _made(access, configuration, lifetime=lifetime)
        finally:
            _LIBRARY.remove_temporary_files()


def _load(loader: KubeConfigLoader, configuration: Configuration) -> float | None:
    """Fill the configuration in; gives the credentials' lifetime.

    Plugins' and files' tokens rotate; what stands in the kubeconfig itself is read anew only after a 401. A plugin is a
    child process, which needs a loop; without one the library's coroutine has nothing to wait for and is run through.
    """
    user = loader._user if loader._user is not None else ()
    if "exec" in user or "auth-provider" in user:
        anyio.run(_run_plugin, loader, configuration)
        return _ROTATION_SECONDS
    with contextlib.suppress(StopIteration):
        loader.load_and_set(configuration).send(None)
    return _ROTATION_SECONDS if "tokenFile" in user else None


async def _run_plugin(loader: KubeConfigLoader, configuration: Configuration) -> None:
    with anyio.fail_after(_PLUGIN_SECONDS):
        await loader.load_and_set(configuration)


def _from_service_account(access: ClusterAccess) -> Credentials:
    configuration = _LIBRARY.Configuration()
    _LIBRARY.load_incluster_config(client_configuration=configuration, try_refresh_token=False)
    return _made(access, configuration, lifetime=_ROTATION_SECONDS)


def _from_fields(access: ClusterAccess) -> Credentials:
    configuration = _LIBRARY.Configuration()
    configuration.host = access.server
    if access.token_file:
        configuration.api_key["BearerToken"] = f"Bearer {Path(access.token_file).read_text(encoding='utf-8').strip()}"
    elif access.token is not None:
        configuration.api_key["BearerToken"] = f"Bearer {access.token.reveal()}"
    with tempfile.TemporaryDirectory(prefix="gitopsd-") as folder:
        if access.client_certificate and access.client_key is not None:
            configuration.cert_file = _private_file(folder, "certificate", access.client_certificate)
            configuration.key_file = _private_file(folder, "key", access.client_key.reveal())
        return _made(access, configuration, lifetime=_ROTATION_SECONDS if access.token_file else None)


def _private_file(folder: str, name: str, content: str) -> str:
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    return path


def _made(access: ClusterAccess, configuration: Configuration, *, lifetime: float | None) -> Credentials:
    server = configuration.host.rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise _failed(access, "its server is not an http(s) URL")
    if not configuration.verify_ssl and not access.insecure:
        raise _failed(
            access, "it switches TLS verification off, which needs `insecure: true` in the cluster's entry too"
        )
    header = configuration.api_key.get("BearerToken", "")
    return Credentials(
        server=server,
        tls=_tls(access, configuration) if server.startswith("https://") else None,
        tls_server_name=access.tls_server_name or configuration.tls_server_name or "",
        authorization=Secret(header.strip()) if header else None,
        proxy=configuration.proxy or "",
        fingerprint=_fingerprint(access, configuration),
        lifetime=lifetime,
    )


def _tls(access: ClusterAccess, configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=access.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 asks more of a chain's form than Kubernetes does: authorities of many clusters lack key identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(access: ClusterAccess, configuration: Configuration) -> str:
    """Of everything but the token, which goes along with each request."""
    digest = hashlib.blake2b(digest_size=16)
    for path in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file):
        content = Path(path).read_bytes() if path else b""
        digest.update(base64.b64encode(content) + b"\n")
    digest.update(f"{configuration.host}\n{configuration.tls_server_name}\n{configuration.proxy}\n{access}".encode())
    return digest.hexdigest()
