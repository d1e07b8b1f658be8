"""Credential plugins: programs that print credentials, as kubectl runs them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins. A plugin gets a
few variables of the environment and no other secret of the daemon's (S9), half a minute, and a megabyte for its answer;
what it writes to its standard error is not read: it may hold what it was given.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import anyio
import orjson
from anyio.abc import Process

from gitopsd.core.errors import GitopsdError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.core.secret import Secret
from gitopsd.plugin.spawning import open_process
from gitopsd.ports.cluster import CredentialPlugin

PLUGIN_SECONDS: Final = 30.0
_LARGEST: Final = 1024 * 1024
_LONGEST_HINT: Final = 500
_KINDS_OF_TOKEN: Final = frozenset({"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})
# What the programs of Amazon, Google and Microsoft look for, beside what any program does.
_INHERITED: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
    | {"KUBECONFIG", "USE_GKE_GCLOUD_AUTH_PLUGIN", "http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
)
_INHERITED_BEGINNINGS: Final = ("LC_", "XDG_", "AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "AAD_")
_LOOK: Final = "run it as gitopsd's user to see what it prints"
_IN_ARGO_CD: Final = "argocd-k8s-auth"


class PluginFailedError(GitopsdError):
    """Why a plugin gave nothing; quotes nothing that it wrote."""


@dataclass(frozen=True, slots=True)
class PluginCredentials:
    """What a plugin gave: a token, or a certificate (PEM) and its key, or both; `expires` if it says when."""

    token: Secret | None
    certificate: str
    key: Secret | None
    expires: datetime | None


async def run_plugin(
    plugin: CredentialPlugin, cluster: JsonObject | None = None, *, seconds: float = PLUGIN_SECONDS
) -> PluginCredentials:
    """Run it for at most `seconds` and read its answer; `cluster` is what it is told of the cluster.

    Raises `PluginFailedError`.
    """
    asked: dict[str, JsonValue] = {"interactive": False}
    if cluster is not None:
        asked["cluster"] = cluster
    request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": asked}
    environ = plugin_environment(os.environ, plugin, orjson.dumps(request).decode())
    try:
        with anyio.fail_after(seconds):
            printed, code = await _run(plugin, environ)
    except TimeoutError:
        raise PluginFailedError(f"{_named(plugin)} did not answer in {seconds:.0f} seconds", hint=_LOOK) from None
    if code:
        raise PluginFailedError(f"{_named(plugin)} ended with exit code {code}", hint=_LOOK)
    return _answer(plugin, printed)


def plugin_environment(environ: Mapping[str, str], plugin: CredentialPlugin, request: str) -> Mapping[str, str]:
    """The environment that a plugin gets. Pure."""
    inherited = {
        name: value for name, value in environ.items() if name in _INHERITED or name.startswith(_INHERITED_BEGINNINGS)
    }
    added = {name: value.reveal() for name, value in plugin.env}
    return {**inherited, **added, "KUBERNETES_EXEC_INFO": request}


async def _run(plugin: CredentialPlugin, environ: Mapping[str, str]) -> tuple[bytes, int]:
    """What it printed, and its exit code."""
    try:
        process = await open_process(
            [plugin.command, *plugin.args], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ
        )
    except FileNotFoundError:
        raise PluginFailedError(f"{_named(plugin)} is not installed", hint=_how_to_install(plugin)) from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "its arguments cannot be used"
        raise PluginFailedError(f"{_named(plugin)} cannot be run: {why}") from None
    try:
        printed = await _read(plugin, process)
        return printed, await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            _end(process)
            await process.wait()
            await process.aclose()


async def _read(plugin: CredentialPlugin, process: Process) -> bytes:
    printed = bytearray()
    if process.stdout is not None:
        async for chunk in process.stdout:
            printed += chunk
            if len(printed) > _LARGEST:
                raise PluginFailedError(f"{_named(plugin)} printed more than {_LARGEST} bytes", hint=_LOOK)
    return bytes(printed)


def _end(process: Process) -> None:
    """Kill it, and what it started, which is in a group of its own."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _answer(plugin: CredentialPlugin, printed: bytes) -> PluginCredentials:
    try:
        answer = orjson.loads(printed)
    except ValueError:
        raise PluginFailedError(f"{_named(plugin)} printed no JSON", hint=_LOOK) from None
    version = text(answer, "apiVersion")
    if text(answer, "kind") != "ExecCredential" or version not in _KINDS_OF_TOKEN:
        raise PluginFailedError(f"{_named(plugin)} printed no ExecCredential of a version that is known", hint=_LOOK)
    if version != plugin.api_version:
        raise PluginFailedError(
            f"{_named(plugin)} answered in {version}, and its apiVersion is {plugin.api_version}",
            hint=f"set apiVersion: {version}",
        )
    status = mapping(answer, "status")
    token, certificate = text(status, "token"), text(status, "clientCertificateData")
    key = text(status, "clientKeyData")
    if bool(certificate) != bool(key) or not (token or certificate):
        raise PluginFailedError(f"{_named(plugin)} gave neither a token nor a certificate with its key", hint=_LOOK)
    if not (token.isascii() and token.isprintable()):
        raise PluginFailedError(f"{_named(plugin)} gave a token that no header can hold", hint=_LOOK)
    expires = _moment(text(status, "expirationTimestamp"))
    return PluginCredentials(Secret(token) if token else None, certificate, Secret(key) if key else None, expires)


def _moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _how_to_install(plugin: CredentialPlugin) -> str:
    if os.path.basename(plugin.command) == _IN_ARGO_CD:
        return (
            "it is a part of Argo CD: use awsAuthConfig for Amazon EKS, the command gke-gcloud-auth-plugin for Google "
            "GKE, kubelogin for Azure AKS"
        )
    hint = " ".join(plugin.install_hint.split())[:_LONGEST_HINT]
    return hint if hint.isprintable() and hint else "install it where gitopsd runs, or name its whole path"


def _named(plugin: CredentialPlugin) -> str:
    """The program's name, and nothing of its arguments (S9)."""
    name = plugin.command[:200]
    return f"its credential plugin {name if name.isprintable() else '…'}"
