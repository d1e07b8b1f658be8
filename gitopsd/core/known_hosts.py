"""Lines of known_hosts: which keys a host of ssh is known by. Pure.

sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. Names are compared whole, hashed ones too; patterns stand for nothing, and markers
(@cert-authority, @revoked) are not understood.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Final

_HASHED: Final = "|1|"
_KEY: Final = re.compile(r"[A-Za-z0-9+/]+=*", re.ASCII)


class BadKnownHostsError(ValueError):
    """Which line is none, without its text."""


def check_known_hosts(text: str) -> None:
    """Raise `BadKnownHostsError` unless each line is `HOST TYPE KEY`, a comment or empty."""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if fields[0].startswith("@"):
            raise BadKnownHostsError(
                f"markers (@cert-authority, @revoked) in known hosts are not understood: line {number}"
            )
        if len(fields) < 3 or not _KEY.fullmatch(fields[2]):
            raise BadKnownHostsError(f"line {number} of known hosts is not HOST TYPE KEY, as ssh-keyscan prints it")


def known_hosts_as(text: str, host: str, port: int, name: str) -> str:
    """The lines for a host, under another name. Lines with markers stay, to be refused where they are read."""
    kept = []
    for line in text.splitlines():
        if line.lstrip().startswith("@"):
            kept.append(line)
        elif key := _key(line, host, port):
            kept.append(f"{name} {key}")
    return "\n".join(kept)


def known_fingerprints(text: str, host: str, port: int) -> tuple[str, ...]:
    """The keys that a host is known by, as OpenSSH shows them (`SHA256:…`)."""
    return tuple(dict.fromkeys(_fingerprints(text, host, port)))


def _fingerprints(text: str, host: str, port: int) -> Iterator[str]:
    for line in text.splitlines():
        fields = _key(line, host, port).split()
        try:
            blob = base64.b64decode(fields[1], validate=True) if len(fields) > 1 else b""
        except binascii.Error:
            continue
        if blob:
            yield "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _key(line: str, host: str, port: int) -> str:
    """Type and key of a line for this host; "" for another one."""
    names, _, key = line.strip().partition(" ")
    wanted = (f"[{host}]:{port}", host)
    return key.strip() if any(_is(each, one) for each in names.split(",") for one in wanted) else ""


def _is(written: str, host: str) -> bool:
    if not written.startswith(_HASHED):
        return written.lower() == host.lower()
    salt, _, digest = written.removeprefix(_HASHED).partition("|")
    try:
        expected = base64.b64decode(digest, validate=True)
        found = hmac.new(base64.b64decode(salt, validate=True), host.lower().encode(), hashlib.sha1).digest()
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(expected, found)
