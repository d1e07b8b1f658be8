"""Tells systemd how the daemon is (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

_MICROSECONDS: Final = 1_000_000


class Notifier:
    """Sends to the socket of `NOTIFY_SOCKET`; does nothing where the daemon was not started by systemd."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")

    def ready(self, status: str) -> None:
        """The daemon works."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={_one_line(status)}")

    def reloading(self, monotonic_microseconds: int) -> None:
        """A reload has begun (Type=notify-reload wants the moment on the monotonic clock)."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_microseconds}")

    def watchdog(self) -> None:
        """The daemon is alive; systemd ends and starts it anew where this does not come in time."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
            try:
                out.sendto(message.encode(), address)
            except OSError:
                # systemd going away, or its queue being full, must not end the daemon; it says the same again later.
                return


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Within which time systemd wants to hear that process `pid` is alive; None where it does not ask for that.

    Source: https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
    """
    asked = environ.get("WATCHDOG_USEC", "")
    if not asked.isdecimal() or not int(asked) or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(asked) / _MICROSECONDS


def _one_line(text: str) -> str:
    return " ".join(text.split())
