"""The few parts of kubernetes-asyncio that gitopsd uses: reading kubeconfigs, and in-cluster configuration.

The package's own `__init__` imports every model of the Kubernetes API: 66 MB and 2 s measured, against 1.7 MB and
0.1 s for what is needed here. So the two modules are loaded below empty stand-ins for their parent packages, as a
private copy: all entries of `sys.modules` are taken out again, and whoever imports kubernetes_asyncio afterwards gets
the whole library.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final, Protocol, cast

from gitopsd.core.jsonvalue import JsonValue

_PACKAGE: Final = "kubernetes_asyncio"


class Configuration(Protocol):
    """`kubernetes_asyncio.client.Configuration`, as far as it is read here."""

    host: str
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    tls_server_name: str | None
    proxy: str | None
    api_key: dict[str, str]


class ConfigNode(Protocol):
    """A part of a kubeconfig: what stands there, and the file that it is from."""

    value: dict[str, JsonValue]
    path: str | None


class KubeConfigLoader(Protocol):
    """`kubernetes_asyncio.config.kube_config.KubeConfigLoader`: one context of a kubeconfig."""

    _user: ConfigNode | None
    _cluster: ConfigNode

    def load_and_set(self, client_configuration: Configuration) -> Coroutine[object, None, None]:
        """Fill the configuration in, running the context's credential plugin if it has one."""
        ...


class Library(Protocol):
    """What `load` gives."""

    Configuration: Callable[[], Configuration]
    ConfigException: type[Exception]
    KubeConfigLoader: Callable[..., KubeConfigLoader]
    KubeConfigMerger: Callable[[str], Any]
    remove_temporary_files: Callable[[], None]
    load_incluster_config: Callable[..., None]


def load() -> Library:
    """Import the two modules and what they need, and leave `sys.modules` as it was."""
    before = {name: module for name, module in sys.modules.items() if _ours(name)}
    for name in before:
        del sys.modules[name]
    try:
        return _load_private()
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _ours(name: str) -> bool:
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _load_private() -> Library:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"{_PACKAGE} is not installed")
    root = Path(spec.origin).parent
    for package in ("", "client", "config"):
        stand_in = ModuleType(f"{_PACKAGE}.{package}".rstrip("."))
        stand_in.__path__ = [str(root / package)]
        sys.modules[stand_in.__name__] = stand_in
    configuration = importlib.import_module(f"{_PACKAGE}.client.configuration")
    client = cast(Any, sys.modules[f"{_PACKAGE}.client"])
    client.Configuration = configuration.Configuration
    client.ApiClient = None  # only convenience functions that are not used here would call it
    kube_config = importlib.import_module(f"{_PACKAGE}.config.kube_config")
    cast(Any, kube_config).tempfile = SimpleNamespace(
        mkstemp=_closed_file, NamedTemporaryFile=tempfile.NamedTemporaryFile
    )
    incluster = importlib.import_module(f"{_PACKAGE}.config.incluster_config")
    found = SimpleNamespace(
        Configuration=configuration.Configuration,
        ConfigException=kube_config.ConfigException,
        KubeConfigLoader=kube_config.KubeConfigLoader,
        KubeConfigMerger=kube_config.KubeConfigMerger,
        remove_temporary_files=kube_config._cleanup_temp_files,  # its atexit hook, called early
        load_incluster_config=incluster.load_incluster_config,
    )
    return cast(Library, found)


def _closed_file(dir: str | None = None) -> tuple[int, str]:  # noqa: A002 - `tempfile.mkstemp`'s name for it
    """`tempfile.mkstemp` for a caller that never closes what it gets, and opens the file by name."""
    descriptor, name = tempfile.mkstemp(dir=dir)
    os.close(descriptor)
    return -1, name
