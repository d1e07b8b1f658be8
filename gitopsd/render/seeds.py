"""What random values in templates are drawn from: one seed for each application, the same for ever.

A chart that calls `randAlphaNum` or `now` would render something else each time and never be in sync. Drawn from a seed
its values stay, over restarts too, as long as the key in the state folder does.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import StoreError

_KEY: Final = 32
_TIME: Final = 8


@dataclass(frozen=True, slots=True)
class Seed:
    """`seed` is hex; `time` is in seconds since 1970."""

    seed: str
    time: int


class Seeds:
    """The seeds of all applications, from one key. The time that templates see for ever is that of making the key."""

    def __init__(self, key: bytes, made_at: int) -> None:
        self._key = key
        self._made_at = made_at

    @classmethod
    def open(cls, key_file: str) -> Seeds:
        """Read the key, or make it. Blocks. Raises `StoreError` if the file can be neither read nor made."""
        try:
            with contextlib.suppress(FileNotFoundError), open(key_file, "rb") as file:
                raw = file.read(_KEY + _TIME + 1)
                if len(raw) == _KEY + _TIME:
                    return cls(raw[:_KEY], int.from_bytes(raw[_KEY:], "big"))
                raise StoreError(
                    "the key of random values is damaged",
                    where=key_file,
                    hint="bring it back from a backup, or remove it: random values in charts are then drawn anew",
                )
            return cls._made(key_file)
        except OSError as error:
            raise StoreError(
                "the key of random values cannot be used",
                where=key_file,
                why=str(error.strerror),
                hint="make the state folder writable for the user that gitopsd runs as",
            ) from error

    @classmethod
    def _made(cls, key_file: str) -> Seeds:
        key, now = secrets.token_bytes(_KEY), int(time.time())
        temporary = f"{key_file}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(key + now.to_bytes(_TIME, "big"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, key_file)
        return cls(key, now)

    @classmethod
    def passing(cls) -> Seeds:
        """Seeds that nobody keeps, for a render that is only looked at."""
        return cls(secrets.token_bytes(_KEY), int(time.time()))

    def of(self, app: str) -> Seed:
        """The application's."""
        return Seed(hmac.new(self._key, app.encode(), hashlib.sha256).hexdigest(), self._made_at)
