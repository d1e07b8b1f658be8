"""The machine: limits of the process, the kernel's watches, the clock, names, proxies of the environment."""

from __future__ import annotations

import os
import resource
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from gitopsd.config import watchable
from gitopsd.core.doctor import Finding, Severity, files_needed, open_files
from gitopsd.core.repo_url import BadUrlError
from gitopsd.core.tree.kinds import with_children
from gitopsd.core.url_place import place_of
from gitopsd.daemon.childkinds import child_kinds
from gitopsd.daemon.doctor.checks import Check, Findings
from gitopsd.daemon.doctor.patient import Patient

MACHINE: Final = "machine"
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
_KINDS_UNKNOWN: Final = 30
_SYNCHRONIZED: Final = "/run/systemd/timesync/synchronized"
_INSTANCES: Final = "/proc/sys/fs/inotify/max_user_instances"
_DNS_SECONDS: Final = 5.0


def machine_checks(patient: Patient) -> Sequence[Check]:
    """All of them; names of hosts one by one."""

    async def limits() -> Findings:
        return [_open_files(patient)]

    async def watches() -> Findings:
        return [await anyio.to_thread.run_sync(_inotify, patient)]

    async def clock() -> Findings:
        return [_clock()]

    async def proxies() -> Findings:
        return list(_proxies(patient.environ))

    hosts = sorted({host for host in _hosts(patient) if not _is_address(host)})
    return (
        Check(MACHINE, "open files", limits),
        Check(MACHINE, "watching files", watches),
        Check(MACHINE, "clock", clock),
        Check(MACHINE, "proxies", proxies),
        *(Check(MACHINE, f"name {host}", _resolver(host), _DNS_SECONDS) for host in hosts),
    )


def _open_files(patient: Patient) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(_watches(patient), len(patient.config.clusters), patient.config.render.workers + 8)
    severity, said = open_files(needed, None if hard == resource.RLIM_INFINITY else hard)
    hint = "" if severity is Severity.OK else "raise it: LimitNOFILE= in the unit, `ulimit -Hn` in a shell"
    return Finding(MACHINE, "open files", severity, said, hint)


def _watches(patient: Patient) -> int:
    """One for each kind and cluster, and for each namespace of those that see only some."""
    where = {spec.name: (spec.destination.server, spec.destination.name) for spec in patient.config.applications}
    kinds: dict[tuple[str, str], set[object]] = {}
    for name, objects in patient.objects.items():
        wanted = with_children([kind for kind, _ in objects], child_kinds)
        kinds.setdefault(where[name], set()).update(wanted)
    most = max(map(len, kinds.values()), default=_KINDS_UNKNOWN)
    return sum((most or _KINDS_UNKNOWN) * max(1, len(access.namespaces)) for access in patient.config.clusters)


def _inotify(patient: Patient) -> Finding:
    if watchable(patient.config):
        return Finding(MACHINE, "watching files", Severity.OK, "changes of the configuration are noticed at once")
    instances = Path(_INSTANCES).read_text(encoding="ascii").strip() if os.path.exists(_INSTANCES) else "unknown"
    return Finding(
        MACHINE,
        "watching files",
        Severity.WARNING,
        "the kernel watches no more files: gitopsd looks at those of the configuration once a second instead",
        f"raise fs.inotify.max_user_watches, and fs.inotify.max_user_instances (now {instances}), by sysctl",
    )


def _clock() -> Finding:
    if os.path.exists(_SYNCHRONIZED):
        return Finding(MACHINE, "clock", Severity.OK, "systemd-timesyncd keeps it")
    said = "whether something keeps it right is not known here; each cluster's own is compared with it under clusters"
    return Finding(MACHINE, "clock", Severity.UNKNOWN, said)


def _proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    given = [name for name in environ if name.lower() in _PROXIES and environ[name]]
    if not given:
        yield Finding(MACHINE, "proxies", Severity.OK, "none in the environment")
        return
    said = f"{', '.join(sorted(given))} in the environment: gitopsd does not use it"
    hint = "set `proxy` of the repositories, and `proxyURL` of the clusters, that need one"
    yield Finding(MACHINE, "proxies", Severity.WARNING, said, hint)


def _hosts(patient: Patient) -> Iterator[str]:
    """Those that this machine has to find itself: behind a proxy the proxy does."""
    for cluster in patient.config.clusters:
        shown = cluster.proxy.shown if cluster.proxy else cluster.server
        if shown and (host := urlsplit(shown).hostname):
            yield host
    by_proxy = {access.url: access.proxy.shown for access in patient.config.repositories if access.proxy}
    for proxy in by_proxy.values():
        if host := urlsplit(proxy).hostname:
            yield host
    for spec in patient.config.applications:
        for source in spec.sources:
            if source.repo_url not in by_proxy and (host := _host_of(source.repo_url)):
                yield host


def _host_of(url: str) -> str:
    try:
        server = place_of(url).server
    except BadUrlError:
        return ""
    return "" if server.startswith("file:") else urlsplit(server).hostname or ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _resolver(host: str) -> Callable[[], Awaitable[Findings]]:
    async def resolve() -> Findings:
        subject = f"name {host}"
        try:
            await anyio.getaddrinfo(host, None)
        except OSError as error:
            hint = "see whether the name is right, and this machine's DNS servers answer"
            return [Finding(MACHINE, subject, Severity.PROBLEM, f"not found: {error.strerror or error}", hint)]
        return [Finding(MACHINE, subject, Severity.OK, "found")]

    return resolve
