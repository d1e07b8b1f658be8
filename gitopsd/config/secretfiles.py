"""Which files hold secrets, and a warning for each that others may read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from gitopsd.config.document import Document
from gitopsd.config.errors import Problems
from gitopsd.config.files import Files
from gitopsd.core.filemode import FileOwner, exposure
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonValue, mapping, objects, sequence, text

# The keys whose values are secrets wherever they stand, by the list that they stand in.
_SECRETS: Final = {
    "clusters": ("token", "password", "clientKey"),
    "repositories": ("password", "bearerToken", "sshPrivateKey", "tlsClientCertKey", "githubAppPrivateKey"),
    "repositoryCredentials": ("password", "bearerToken", "sshPrivateKey", "tlsClientCertKey", "githubAppPrivateKey"),
}
_IN_KUBECONFIG: Final = ("token", "password", "client-key-data")
_BESIDE_KUBECONFIG: Final = ("client-key", "tokenFile")


def holds_secrets(document: Document) -> bool:
    """Whether the main file itself has a secret in it: not a variable's, not another file's."""
    written = (
        entry.get(key)
        for section, keys in _SECRETS.items()
        for entry in sequence(document.value, section)
        if isinstance(entry, dict)
        for key in keys
    )
    keys = (
        key.get("key")
        for kind in ("ageKeys", "pgpKeys")
        for key in sequence(mapping(document.value, "sops"), kind)
        if isinstance(key, dict)
    )
    return any(isinstance(value, str) and value and "${" not in value for value in (*written, *keys))


def secrets_of_kubeconfig(path: str, root: JsonValue) -> Iterator[str]:
    """The files with secrets that a kubeconfig is or names."""
    folder = os.path.dirname(os.path.abspath(path))
    for entry in objects(root, "users"):
        if any(text(entry, "user", key) for key in _IN_KUBECONFIG):
            yield os.path.abspath(path)
        for key in _BESIDE_KUBECONFIG:
            if named := text(entry, "user", key):
                yield os.path.join(folder, named)


def warn_of_open_files(files: Files, problems: Problems) -> None:
    """Warn of each file with a secret in it that others may read or change, with the command that ends it."""
    for path in files.secrets:
        if said := exposed(path):
            problems.warn(Position(path), said)


def exposed(path: str) -> str:
    """Why a file with a secret in it is open to others, and what to do, as a sentence; "" if it is not, or not there.

    What the kubelet mounts is left out: its volumes are 0644 unless told otherwise, and whoever is in the container
    is the daemon's user anyway.
    """
    try:
        found = os.stat(path)
        mounted = os.path.lexists(os.path.join(os.path.dirname(path), "..data"))
    except (OSError, ValueError):
        return ""
    open_to = "" if mounted else exposure(FileOwner(found.st_mode, found.st_uid, found.st_gid), uid=os.geteuid())
    if not open_to:
        return ""
    return f"it holds a secret, and {open_to} (mode {found.st_mode & 0o7777:04o}). Try: chmod 600 {path}"
