"""From what the configuration says of a cluster to what a connection needs: address, TLS, an Authorization header."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote

import anyio
import anyio.to_thread

from gitopsd.core.errors import ClusterError
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.credential_plugin import PluginCredentials, PluginFailedError, run_plugin
from gitopsd.kube.material import LIBRARY, ROTATION_SECONDS, Material, read_material, unusable
from gitopsd.ports.cluster import ClusterAccess

_LEAST_SECONDS: Final = 5.0
# A lock of one thread keeps clusters from deleting each other's temporary files.
_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)
_THREADS: Final = anyio.CapacityLimiter(2)


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


async def read_credentials(access: ClusterAccess, now: datetime) -> Credentials:
    """Read kubeconfig, certificates and tokens in a thread, and run the credential plugin if there is one.

    Raises `ClusterError` (not retryable by itself) naming the file or key at fault, never a value.
    """
    with _explained(access):
        found = await anyio.to_thread.run_sync(read_material, access, limiter=_ONE_AT_A_TIME, abandon_on_cancel=True)
        if found.plugin is not None:
            given = await run_plugin(found.plugin, found.told)
            found = _with_plugin(found, given, now)
        return await anyio.to_thread.run_sync(_made, access, found, limiter=_THREADS, abandon_on_cancel=True)


async def read_server(access: ClusterAccess) -> str:
    """The API server's URL, without asking for the credentials to it. Raises `ClusterError`."""
    if access.server:
        return access.server.rstrip("/")
    with _explained(access):
        found = await anyio.to_thread.run_sync(read_material, access, limiter=_ONE_AT_A_TIME, abandon_on_cancel=True)
        return found.server


@contextlib.contextmanager
def _explained(access: ClusterAccess) -> Iterator[None]:
    """Whatever goes wrong comes out as a `ClusterError`."""
    try:
        yield
    except ClusterError:
        raise
    except PluginFailedError as error:
        raise unusable(access, error.what, error.hint) from None
    except TimeoutError as error:
        raise unusable(access, "its credential provider did not answer in time") from error
    except ssl.SSLError as error:
        raise unusable(access, "its certificate or key is not valid PEM, or they do not belong together") from error
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else ""
        raise unusable(access, f"{name}: {error.strerror or type(error).__name__}") from error
    except LIBRARY.ConfigException as error:
        raise unusable(access, _first_line(error)) from error
    except Exception as error:  # whatever a broken kubeconfig makes the library raise (KeyError, YAML …)
        raise unusable(access, f"it cannot be read ({type(error).__name__})") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines()[0] if str(error) else type(error).__name__)[:200]


def _with_plugin(found: Material, given: PluginCredentials, now: datetime) -> Material:
    """What a plugin gave goes before what stands beside it. Without a date it is good until a 401, as in kubectl."""
    lifetime = None
    if given.expires is not None:
        left = (given.expires - now).total_seconds()
        lifetime = max(left - min(ROTATION_SECONDS, left / 4), _LEAST_SECONDS)
    return replace(
        found,
        authorization=Secret(f"Bearer {given.token.reveal()}") if given.token is not None else found.authorization,
        certificate=given.certificate or found.certificate,
        key=given.key or found.key,
        lifetime=lifetime,
    )


def _made(access: ClusterAccess, found: Material) -> Credentials:
    if not found.server.startswith(("https://", "http://")):
        raise unusable(access, "its server is not an http(s) URL")
    if found.authorization is not None and not found.authorization.reveal().isprintable():
        raise unusable(access, "its token or password holds a line end or another control character")
    if found.insecure and not access.insecure:
        raise unusable(
            access, "it switches TLS verification off, which needs `insecure: true` in the cluster's entry too"
        )
    return Credentials(
        server=found.server,
        tls=_tls(access, found) if found.server.startswith("https://") else None,
        tls_server_name=found.tls_server_name,
        authorization=found.authorization,
        proxy=_proxy_url(found.proxy),
        fingerprint=_fingerprint(access, found),
        lifetime=found.lifetime,
    )


def _proxy_url(proxy: Proxy | None) -> str:
    """The URL with its password, for the library alone."""
    if proxy is None:
        return ""
    password = f":{quote(proxy.password.reveal(), safe='')}" if proxy.password is not None else ""
    user = f"{quote(proxy.user, safe='')}{password}@" if proxy.user or password else ""
    scheme, _, place = proxy.shown.partition("://")
    return f"{scheme}://{user}{place}"


def _tls(access: ClusterAccess, found: Material) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=f"{found.ca}\n{access.ca}".strip() or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 asks more of a chain's form than Kubernetes does: authorities of many clusters lack key identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if found.certificate and found.key is not None:
        with tempfile.TemporaryDirectory(prefix="gitopsd-") as folder:
            context.load_cert_chain(
                _private_file(folder, "certificate", found.certificate),
                keyfile=_private_file(folder, "key", found.key.reveal()),
            )
    if found.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _private_file(folder: str, name: str, content: str) -> str:
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    return path


def _fingerprint(access: ClusterAccess, found: Material) -> str:
    """Of everything but the token, which goes along with each request."""
    digest = hashlib.blake2b(digest_size=16)
    key = found.key.reveal() if found.key is not None else ""
    for part in (found.server, found.tls_server_name, found.ca, found.certificate, key, _proxy_url(found.proxy)):
        digest.update(base64.b64encode(part.encode()) + b"\n")
    digest.update(f"{found.insecure} {access}".encode())
    return digest.hexdigest()
