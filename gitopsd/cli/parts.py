"""The versions of what gitopsd is made of."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Final

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import BadInputError, DaemonError
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import mapping, text
from gitopsd.render.engine import locate

_LIBRARIES: Final = ("pygit2", "kubernetes-asyncio", "fastapi", "SQLAlchemy", "typer")
_ENGINE_SECONDS: Final = 10.0
_DAEMON_SECONDS: Final = 2.0


def parts(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Name → version; for what is not there, why."""
    return {**_engine(environ), **dict(_library(name) for name in _LIBRARIES), "daemon": _daemon(environ)}


def _library(name: str) -> tuple[str, str]:
    try:
        return name, installed(name)
    except PackageNotFoundError:
        return name, "not installed"


def _engine(environ: Mapping[str, str]) -> Mapping[str, str]:
    try:
        binary = locate("", environ)
    except RenderError as error:
        return {"engine": str(error)}
    if binary is None:
        return {"engine": "not built: only plain YAML can be rendered"}
    try:
        told = subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=_ENGINE_SECONDS).stdout
        greeting = json.loads(told)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"engine": f"does not answer: {type(error).__name__}"}
    libraries = mapping(greeting, "libraries")
    return {"engine": text(greeting, "version"), **{name: text(libraries, name) for name in libraries}}


def _daemon(environ: Mapping[str, str]) -> str:
    try:
        path = find_socket("", "", environ)
        return f"{text(Api(path).get('/version', timeout=_DAEMON_SECONDS).body, 'version')} at {path}"
    except (DaemonError, BadInputError) as error:
        return f"none: {error.what}"
