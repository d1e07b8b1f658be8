"""Command plugins as gitopsd.yaml declares them: programs that turn a folder into manifests.

Fields and meaning are those of Argo CD's config management plugins. Source:
https://argo-cd.readthedocs.io/en/stable/operator-manual/config-management-plugins/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitopsd.core.secret import Secret

TIMEOUT_SECONDS = 90.0
MEMORY_LIMIT = 2 << 30
OUTPUT_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Discover:
    """How a plugin tells whether a folder is its own: the first of these that is set.

    `file_name` is a glob below the source's folder, `glob` one in which `**` is any depth, `command` a program and its
    arguments that prints something and ends with 0.
    """

    file_name: str = ""
    glob: str = ""
    command: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.file_name or self.glob or self.command)


@dataclass(frozen=True, slots=True)
class ParameterAnnouncement:
    """A parameter that a plugin says it understands; the values are what it takes where the application sets none."""

    name: str
    title: str = ""
    tooltip: str = ""
    required: bool = False
    item_type: str = ""
    collection_type: str = ""
    string: str = ""
    array: tuple[str, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandPlugin:
    """One declared plugin. Commands are programs with their arguments; `init` and `dynamic` may be empty.

    `environment` is what its commands see besides the build environment. `timeout_seconds` is for all commands of one
    render; `memory_limit` (of each process) and `output_limit` are in bytes. `user` is "" for gitopsd's own. `writable`
    are folders outside of the private copy that the commands may write to.
    """

    name: str
    generate: tuple[str, ...]
    version: str = ""
    init: tuple[str, ...] = ()
    discover: Discover = Discover()
    announcements: tuple[ParameterAnnouncement, ...] = ()
    dynamic: tuple[str, ...] = ()
    preserve_file_mode: bool = False
    environment: tuple[tuple[str, Secret], ...] = ()
    timeout_seconds: float = TIMEOUT_SECONDS
    memory_limit: int = MEMORY_LIMIT
    output_limit: int = OUTPUT_LIMIT
    user: str = ""
    writable: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """`NAME-VERSION`, or `NAME` without a version: what a source's `plugin.name` says."""
        return f"{self.name}-{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class CommandPlugins:
    """All declared plugins in their order, and the folder for their private copies ("" for the system's temporary one).

    The folder is nobody else's: what lies in it from before is removed.
    """

    plugins: tuple[CommandPlugin, ...] = ()
    folder: str = ""

    def digest(self) -> str:
        """Changes with every declaration, values of the environment included: other commands render anew."""
        made = hashlib.blake2b(digest_size=8)
        for plugin in self.plugins:
            made.update(repr(replace(plugin, environment=())).encode())
            for name, secret in plugin.environment:
                made.update(hashlib.sha256(f"{name}={secret.reveal()}".encode()).digest())
        return made.hexdigest() if self.plugins else ""


NO_COMMANDS = CommandPlugins()
