"""The keys that the `sops` command would find for the person at the keyboard.

https://getsops.io/docs/#encrypting-using-age
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitopsd.core.errors import RenderError
from gitopsd.core.secret import Secret
from gitopsd.ports.sops import SopsAccess, SopsKey

_LARGEST_FILE = 1 << 20


def personal_keys(environ: Mapping[str, str]) -> SopsAccess:
    """age keys of SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_FILE and the user's `sops/age/keys.txt`.

    Blocks. Raises `RenderError` for a file that is named and cannot be read.
    """
    texts = [environ["SOPS_AGE_KEY"]] if environ.get("SOPS_AGE_KEY") else []
    for name in ("SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"):
        if path := environ.get(name):
            try:
                texts.append(_text(Path(path)))
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is no text"
                raise RenderError(f"{name} names a file that cannot be read", where=path, why=why) from None
    for path_of_user in _own_files(environ):
        try:
            texts.append(_text(path_of_user))
        except (OSError, UnicodeDecodeError):
            continue  # nobody named it
    return SopsAccess(age=tuple(SopsKey(Secret(text)) for text in texts if text.strip()))


def _own_files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME")
    if config := environ.get("XDG_CONFIG_HOME"):
        yield Path(config, "sops", "age", "keys.txt")
    elif home and sys.platform == "darwin":
        yield Path(home, "Library", "Application Support", "sops", "age", "keys.txt")
    elif home:
        yield Path(home, ".config", "sops", "age", "keys.txt")


def _text(path: Path) -> str:
    if os.stat(path).st_size > _LARGEST_FILE:
        raise OSError(None, "it is too large")
    return path.read_text(encoding="utf-8")
