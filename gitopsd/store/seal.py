"""Encrypts what may hold values of Secrets, with a key that is kept outside of the database (advisory S14).

AES-256-GCM; every sealed text begins with a mark of its key, so that a lost key can be told from a damaged file. All of
it blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import zlib
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gitopsd.core.errors import StoreError
from gitopsd.store.shortage import hint_for

KEY_FILE: Final = "state.key"
_LEAST_KEY: Final = 32
_MOST_KEY: Final = 4096
_MARK: Final = 8
_NONCE: Final = 12
_PLAIN, _PACKED = b"\0", b"\1"
_WORTH_PACKING: Final = 256
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Seal:
    """Seals and opens byte strings with the key in `key_file` (any 32 bytes or more that nobody can guess)."""

    def __init__(self, key_file: Path, content: bytes) -> None:
        self._key_file = key_file
        self._cipher = AESGCM(_derived(content, b"seal"))
        self._naming = _derived(content, b"name")
        self._mark = _derived(content, b"mark")[:_MARK]

    @classmethod
    def open(cls, key_file: Path) -> Seal:
        """The seal with the key in `key_file`, which is made (0600) if it is missing.

        Raises `StoreError` where it cannot be read or made, is too short, or others may write to it.
        """
        try:
            content = _read(key_file) or _made(key_file)
        except OSError as error:
            raise StoreError(
                "the key of the state cannot be read or made",
                where=str(key_file),
                why=error.strerror or str(error),
                hint=hint_for(
                    error, "make it readable for the user that gitopsd runs as, or name another with state.keyFile"
                ),
            ) from None
        return cls(key_file, content)

    @classmethod
    def kept(cls, key_file: Path) -> Seal:
        """The seal with the key that is there. Raises `StoreError` as `open`, and where there is none."""
        try:
            content = _read(key_file)
        except OSError as error:
            raise StoreError(
                "the key of the state cannot be read", where=str(key_file), why=error.strerror or str(error)
            ) from None
        if content is None:
            raise StoreError(
                "the key of the state is not there",
                where=str(key_file),
                hint="put it back, or name it; if nobody has it any more, start the daemon once: it makes a new one",
            )
        return cls(key_file, content)

    @property
    def mark(self) -> str:
        """What tells this key from others, and tells nothing of it: 16 hex digits."""
        return self._mark.hex()

    def name(self, text: bytes) -> str:
        """A name that is equal if and only if `text` is; without the key nobody can try what it might be."""
        return hashlib.blake2b(text, key=self._naming, digest_size=20).hexdigest()

    def key(self, purpose: str) -> bytes:
        """A key for something else, which nobody can tell this one's from."""
        return hashlib.blake2b(purpose.encode(), key=self._naming, digest_size=32).digest()

    def seal(self, text: bytes, purpose: str) -> bytes:
        """`text`, encrypted and compressed; it can only be opened for the same `purpose`."""
        packed = _PACKED + zlib.compress(text, 1) if len(text) >= _WORTH_PACKING else _PLAIN + text
        nonce = secrets.token_bytes(_NONCE)
        return self._mark + nonce + self._cipher.encrypt(nonce, packed, purpose.encode("utf-8", "replace"))

    def lost(self, sealed: bytes) -> bool:
        """Whether it was sealed with another key."""
        return not sealed.startswith(self._mark)

    def lost_key(self) -> StoreError:
        """What to say of something that was."""
        return StoreError(
            "what was stored cannot be decrypted",
            where=str(self._key_file),
            why="it was encrypted with another key",
            hint="put that key back; without it, history before the new one cannot be rolled back to",
        )

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed. Raises `StoreError` if it was with another key or for another purpose, or was altered."""
        if self.lost(sealed):
            raise self.lost_key()
        nonce, body = sealed[_MARK : _MARK + _NONCE], sealed[_MARK + _NONCE :]
        try:
            packed = self._cipher.decrypt(nonce, body, purpose.encode("utf-8", "replace"))
        except (InvalidTag, ValueError):
            raise StoreError(
                "what was stored cannot be decrypted",
                where=purpose,
                why="it is not what was once written",
                hint="sync again: that stores it anew",
            ) from None
        return zlib.decompress(packed[1:]) if packed.startswith(_PACKED) else packed[1:]


def _derived(content: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(content, person=b"gitopsd-" + purpose, digest_size=32).digest()


def _read(key_file: Path) -> bytes | None:
    """The key; None if there is none."""
    try:
        file = key_file.open("rb")
    except FileNotFoundError:
        return None
    with file:
        if os.fstat(file.fileno()).st_mode & _OTHERS_MAY_WRITE:
            raise StoreError(
                "others may write to the key of the state", where=str(key_file), hint=f"chmod 600 {key_file}"
            )
        content = file.read(_MOST_KEY)
    if len(content) < _LEAST_KEY:
        raise StoreError(
            "this is no key of the state",
            where=str(key_file),
            why=f"it has {len(content)} bytes, and needs {_LEAST_KEY} or more",
            hint="put the right one back, or move it away: then history before it cannot be rolled back to",
        )
    return content


def _made(key_file: Path) -> bytes:
    """A new key, in place only when it is whole and on the disk."""
    content = secrets.token_bytes(_LEAST_KEY)
    temporary = key_file.with_name(f"{key_file.name}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(key_file)
    return content
