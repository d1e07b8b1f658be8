"""Asks the daemon to refresh an application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitopsd.cli.client import TIMEOUT, Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import Format, data, lines, note, waiting

if TYPE_CHECKING:
    from gitopsd.cli.quick import Refresh
    from gitopsd.core.jsonvalue import JsonObject


def refresh_application(asked: Refresh) -> int:
    """Refresh, and with `wait` until the daemon has looked. Raises `DaemonError`."""
    api = Api(find_socket(asked.socket, asked.config, os.environ))
    body = refreshed(api, asked)
    finished = body.get("finished") is True
    if asked.form:
        data(body, Format(asked.form))
    elif finished:
        from gitopsd.cli.summary import sentence

        lines([sentence(body.get("application"))])
    elif not asked.wait:
        lines([f"{asked.name}: refresh requested"])
    if asked.wait and not finished:
        note(f"{asked.name}: not reconciled within {asked.timeout:g} s; it goes on. Try: gitopsd app get {asked.name}")
        return ExitCode.TIMED_OUT
    return ExitCode.OK


def refreshed(api: Api, asked: Refresh) -> JsonObject:
    """The daemon's answer: `finished`, and the application's summary."""
    query = {"hard": "true" if asked.hard else "", "wait": f"{asked.timeout:g}" if asked.wait else ""}
    over = waiting(f"waiting for {asked.name}") if asked.wait else None
    try:
        timeout = TIMEOUT + (asked.timeout if asked.wait else 0)
        with about(asked.name):
            return api.post(f"{application_route(asked.name)}/refresh", query, timeout).body
    finally:
        if over is not None:
            over()
