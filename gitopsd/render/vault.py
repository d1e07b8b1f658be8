"""A folder of small files that nobody else may have written (advisory C1). All of it blocks; callers use a thread."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import StoreError

_MAC: Final = 32
_KEY: Final = 32
_TEMPORARY: Final = ".new-"


class AlteredError(Exception):
    """The file is not what was written under this name."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's name and its size in bytes."""

    name: str
    size: int


class Vault:
    """Files named by digests in `folder`, each with a MAC by the key in `key_file`.

    Both are made where they are missing.
    """

    def __init__(self, folder: str, key_file: str) -> None:
        self._folder = folder
        self._key_file = key_file
        self._key = b""

    def open(self) -> Sequence[StoredFile]:
        """Make the folder private, read the key, clear what a kill left behind; the files, oldest first.

        Raises `StoreError` if the folder is another user's or cannot be used.
        """
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            owner = os.lstat(self._folder)
            if owner.st_uid != os.geteuid() or not stat.S_ISDIR(owner.st_mode):
                raise StoreError(
                    "the render cache is in a folder of another user",
                    where=self._folder,
                    hint="remove the folder, or set the cache folder to one that only gitopsd uses",
                )
            os.chmod(self._folder, 0o700)
            self._key = self._read_key()
            return self._files()
        except OSError as error:
            raise StoreError(
                "the render cache cannot be opened",
                where=self._folder,
                why=str(error.strerror),
                hint="make the folder writable for the user that gitopsd runs as",
            ) from error

    def read(self, name: str) -> bytes | None:
        """What was written as `name`, None if there is no such file. Raises `AlteredError` if its MAC is wrong."""
        try:
            with open(os.path.join(self._folder, name), "rb") as file:
                mac, body = file.read(_MAC), file.read()
        except OSError:
            return None
        if not hmac.compare_digest(mac, self._mac(name, body)):
            raise AlteredError(name)
        return body

    def write(self, name: str, body: bytes) -> int:
        """Write `body` as `name` in one step; the file's size. Raises `OSError`."""
        temporary = os.path.join(self._folder, f"{_TEMPORARY}{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(self._mac(name, body))
                file.write(body)
            os.replace(temporary, os.path.join(self._folder, name))
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        return _MAC + len(body)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; one that is gone already is no error."""
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, name))

    def _files(self) -> Sequence[StoredFile]:
        found: list[tuple[int, StoredFile]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(_TEMPORARY):
                    os.unlink(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, StoredFile(entry.name, status.st_size)))
        return [file for _, file in sorted(found, key=lambda each: (each[0], each[1].name))]

    def _read_key(self) -> bytes:
        with contextlib.suppress(OSError), open(self._key_file, "rb") as file:
            key = file.read(_KEY + 1)
            if len(key) == _KEY:
                return key
        key = secrets.token_bytes(_KEY)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._key_file)
        descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(key)
        return key

    def _mac(self, name: str, body: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=_MAC)
        digest.update(name.encode())
        digest.update(b"\0")
        digest.update(body)
        return digest.digest()
