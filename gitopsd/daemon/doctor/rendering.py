"""What renders: the engine, SOPS, plugins, and the programs that plugins of the configuration run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread

from gitopsd.core.doctor import Finding, Severity
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.daemon.doctor.checks import Check, Findings, problem
from gitopsd.daemon.doctor.patient import Patient
from gitopsd.daemon.offline import Setting, render_path
from gitopsd.plugin.importing import give_up_waiting
from gitopsd.plugin.manager import PluginManager
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.engine import locate
from gitopsd.render.sops import locate_sops

RENDERING: Final = "rendering"
_VERSION_SECONDS: Final = 10.0
_PLUGIN_SECONDS: Final = 10.0
_PROBE: Final = {
    "kustomization.yaml": "resources: [map.yaml]\n",
    "map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: doctor}\n",
}


def rendering_checks(patient: Patient) -> Sequence[Check]:
    """All of them."""
    in_thread = partial(anyio.to_thread.run_sync, abandon_on_cancel=True)

    async def engine() -> Findings:
        return await in_thread(partial(_engine, patient))

    async def sops() -> Findings:
        return await in_thread(partial(_sops, patient))

    async def plugins() -> Findings:
        manager = PluginManager()
        with anyio.move_on_after(_PLUGIN_SECONDS):
            return await in_thread(lambda: list(_plugins(manager, patient)))
        give_up_waiting()
        said = (
            f"plugin {manager.importing!r} is still being imported after {_PLUGIN_SECONDS:g} s: the daemon hangs, too"
        )
        return [Finding(RENDERING, "plugins", Severity.PROBLEM, said, "correct or remove it")]

    async def commands() -> Findings:
        return await in_thread(lambda: list(_commands(patient)))

    return (
        Check(RENDERING, "engine", engine),
        Check(RENDERING, "sops", sops),
        Check(RENDERING, "plugins", plugins),
        *([Check(RENDERING, "command plugins", commands)] if patient.config.plugins else []),
    )


def _engine(patient: Patient) -> Findings:
    """It is found, starts, keeps to the memory limit that it is given, and renders."""
    settings = patient.config.render
    binary = locate(settings.engine, patient.environ)
    if binary is None:
        said = "there is none: only plain YAML can be rendered"
        return [Finding(RENDERING, "engine", Severity.PROBLEM, said, "run `make setup`, or set render.engine")]
    told = _version(binary, patient.environ)
    with tempfile.TemporaryDirectory(prefix="gitopsd-doctor-") as folder:
        for name, content in _PROBE.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        # Without those of folders, which are looked at by themselves: none is imported twice.
        where = Setting(patient.environ, RenderTarget("", ()), replace(patient.config, plugin_path=()))
        render_path(folder, where, name="doctor")
    limit = settings.workers * settings.memory_limit_bytes
    version = text(told, "version")
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    said = f"{version} starts and renders; at most {limit >> 20} MiB in {workers}"
    return [Finding(RENDERING, "engine", Severity.OK, said), *_memory(limit)]


def _memory(limit: int) -> Iterator[Finding]:
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if limit > there:
        said = f"its limit of {limit >> 20} MiB is more than this machine's {there >> 20} MiB of memory"
        hint = "lower render.memoryLimit or render.workers, so that the kernel does not have to choose"
        yield Finding(RENDERING, "engine", Severity.WARNING, said, hint)


def _sops(patient: Patient) -> Findings:
    keys = len(patient.config.sops.age) + len(patient.config.sops.pgp)
    used = keys or patient.config.sops.services is not None
    program = locate_sops(patient.environ)
    if program is None:
        severity = Severity.PROBLEM if used else Severity.WARNING
        return [Finding(RENDERING, "sops", severity, "its program is not there", "run `make setup`")]
    version = text(_version(program, patient.environ), "libraries", "sops")
    said = f"{version} starts; {keys} keys{' and key services' if patient.config.sops.services else ''}"
    return [Finding(RENDERING, "sops", Severity.OK, said if used else f"{version} starts; no keys are configured")]


def _version(binary: str, environ: Mapping[str, str]) -> JsonObject:
    """What `--version` prints. Raises `RenderError`."""
    try:
        command = [binary, "--version"]
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
        )
        return mapping(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise RenderError("it cannot be started", where=binary, why=why, hint="reinstall gitopsd") from None


def _plugins(manager: PluginManager, patient: Patient) -> Iterator[Finding]:
    for error in (*manager.load_installed(), *manager.load_folders(patient.config.plugin_path)):
        yield problem(RENDERING, "plugins", error)
    versions = manager.versions()
    loaded = ", ".join(f"{name} {versions.get(name, '')}".rstrip() for name in manager.names())
    yield Finding(RENDERING, "plugins", Severity.OK, f"loaded: {loaded or 'none'}")


def _commands(patient: Patient) -> Iterator[Finding]:
    for plugin in patient.config.plugins:
        subject = f"plugin {plugin.full_name}"
        path = dict(plugin.environment).get("PATH")
        search = path.reveal() if path is not None else patient.environ.get("PATH")
        programs = {command[0] for command in (plugin.init, plugin.generate, plugin.discover.command) if command}
        # What has a slash in it is a file of the repository, or absolute.
        lost = [
            each
            for each in sorted(programs)
            if ("/" not in each or os.path.isabs(each)) and not shutil.which(each, path=search)
        ]
        if lost:
            said, hint = f"{', '.join(lost)} not found", "install it, or set the plugin's PATH under env"
            yield Finding(RENDERING, subject, Severity.PROBLEM, said, hint)
        else:
            yield Finding(RENDERING, subject, Severity.OK, f"{', '.join(sorted(programs))} found")
