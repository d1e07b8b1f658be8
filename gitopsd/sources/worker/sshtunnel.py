"""ssh through a proxy: libgit2 knows none for ssh, so it connects to a door on the loopback that leads there (G3).

What the server proves is still checked against the known hosts of its own name.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.known_hosts import known_hosts_as
from gitopsd.core.repo_url import parse
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import tunnel

_SSH_PORT: Final = 22


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
            yield {**access, "address": there, "known_hosts": hosts, "door": here}
        except Exception:  # whatever libgit2 says of it, what the proxy said is the reason; nothing is swallowed
            if failures:
                raise failures[0] from None
            raise
        finally:
            door.shutdown(socket.SHUT_RDWR)  # wakes the one who waits for somebody to come


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
