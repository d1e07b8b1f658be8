"""ssh through a proxy: libgit2 knows none for ssh, so it connects to a door on the loopback that leads there (G3).

What the server proves is still checked against the known hosts of its own name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.repo_url import parse
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import tunnel

_SSH_PORT: Final = 22
_HASHED: Final = "|1|"


@contextmanager
def tunnelled(access: JsonObject) -> Iterator[JsonObject]:
    """`access`, with the door as its `address` where it has a proxy. The proxy's failures are raised."""
    url = parse(text(access, "url"))
    if url.scheme != "ssh" or not tunnel.is_proxied(access):
        yield access
        return
    host, port = url.host, url.port or _SSH_PORT
    failures: list[Failure] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        here = door.getsockname()[1]
        thread = threading.Thread(target=_lead, args=(door, access, (host, port), failures), daemon=True)
        thread.start()
        user = url.user or text(access, "username") or "git"
        # A path of `user@host:path` begins in the user's home.
        there = f"[{user}@127.0.0.1:{here}]:{url.path}" if url.scp else f"ssh://{user}@127.0.0.1:{here}{url.path}"
        hosts = known_hosts_as(text(access, "known_hosts"), host, port, f"[127.0.0.1]:{here}")
        try:
            yield {**access, "address": there, "known_hosts": hosts}
        except Exception:  # whatever libgit2 says of it, what the proxy said is the reason; nothing is swallowed
            if failures:
                raise failures[0] from None
            raise
        finally:
            door.shutdown(socket.SHUT_RDWR)  # wakes the one who waits for somebody to come


def known_hosts_as(lines: str, host: str, port: int, name: str) -> str:
    """The lines of known_hosts for a host, under another name.

    sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. Names are compared whole, hashed ones too; patterns stand for nothing.
    """
    wanted = (f"[{host}]:{port}", host)
    kept = []
    for line in lines.splitlines():
        if line.lstrip().startswith("@"):
            kept.append(line)  # refused where the file is written
            continue
        names, _, key = line.strip().partition(" ")
        if key and any(_is(each, candidate) for each in names.split(",") for candidate in wanted):
            kept.append(f"{name} {key.strip()}")
    return "\n".join(kept)


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


def _lead(door: socket.socket, access: JsonObject, target: tuple[str, int], failures: list[Failure]) -> None:
    """Lead those who come to the server, one after another, until the door is shut."""
    while True:
        try:
            inside, _ = door.accept()
        except OSError:
            return
        _lead_one(inside, access, target, failures)


def _lead_one(inside: socket.socket, access: JsonObject, target: tuple[str, int], failures: list[Failure]) -> None:
    try:
        outside = tunnel.connected(access, *target)
    except Failure as failure:
        failures.append(failure)
        inside.close()
    except OSError as error:
        failures.append(Failure(FailureKind.UNREACHABLE, error.strerror or "the connection was cut"))
        inside.close()
    else:
        tunnel.pump(inside, outside)
