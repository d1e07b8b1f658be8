"""Imports the code of a plugin: whatever that does, it is this plugin's failure, and nobody waits without a word.

While a plugin is imported in the main thread, SIGTERM and SIGINT end the process: an event loop that would receive them
does not run then. What it prints goes to standard error: standard output is for answers.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Final, TextIO

from gitopsd.core.errors import PluginError

SLOW_SECONDS: Final = 3.0
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)

OnSlow = Callable[[str], None]


def imported(point: EntryPoint, folder: str = "", on_slow: OnSlow | None = None) -> object:
    """What the entry point names. `on_slow` gets its name if that takes long, from another thread.

    Raises `PluginError` for whatever its code raises, SystemExit and KeyboardInterrupt included: it is no end of ours.
    """
    try:
        with _told_if_slow(point.name, on_slow), _ended_by_signals(), _PRINTED.aside():
            return point.load()
    except BaseException as error:
        raise PluginError(
            f"plugin {point.name!r} ({point.value}) cannot be imported",
            where=folder,
            why=f"{type(error).__name__}: {error}".rstrip(": "),
            hint=f"correct or remove it in {folder}" if folder else "reinstall or remove the package that brings it",
        ) from error


def give_up_waiting() -> None:
    """Nobody waits any more for what other threads import: standard output is ours again."""
    _PRINTED.back()


def given_up() -> bool:
    """Whether a thread still imports what was given up. Python waits for it at its end: end by `os._exit` then."""
    return _PRINTED.given_up


class _StandardOutput:
    """It is standard error as long as any thread imports a plugin."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._importing: set[object] = set()
        self._given_up: set[object] = set()
        self._ours: TextIO | None = None

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        token = object()
        with self._lock:
            if not self._importing:
                self._ours, sys.stdout = sys.stdout, sys.stderr
            self._importing.add(token)
        try:
            yield
        finally:
            with self._lock:
                self._given_up.discard(token)
                if token in self._importing:
                    self._importing.remove(token)
                    self._restore()

    def back(self) -> None:
        """Give standard output back to this process."""
        with self._lock:
            self._given_up |= self._importing
            self._importing.clear()
            self._restore()

    @property
    def given_up(self) -> bool:
        """Whether something is still imported for which `back` did not wait."""
        return bool(self._given_up)

    def _restore(self) -> None:
        if not self._importing and self._ours is not None:
            sys.stdout, self._ours = self._ours, None


_PRINTED: Final = _StandardOutput()


@contextlib.contextmanager
def _told_if_slow(name: str, on_slow: OnSlow | None) -> Iterator[None]:
    if on_slow is None:
        yield
        return
    timer = threading.Timer(SLOW_SECONDS, on_slow, (name,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = {each: signal.getsignal(each) for each in _ENDING}
    for each, handler in before.items():
        if callable(handler):  # one that is ignored stays so (nohup)
            signal.signal(each, signal.SIG_DFL)
    try:
        yield
    finally:
        for each, handler in before.items():
            if callable(handler):
                signal.signal(each, handler)
                # As event loops want it; and an interrupted call is taken up again either way (PEP 475).
                signal.siginterrupt(each, False)
