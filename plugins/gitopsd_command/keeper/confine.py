"""What the forked process becomes before it is the command: no privileges, limits, a session, user and folder."""

from __future__ import annotations

import errno
import os
import pwd
import resource
import signal
from dataclasses import dataclass
from typing import Final

from gitopsd_command.keeper.copying import Owner
from gitopsd_command.keeper.landlock import only_write_below
from gitopsd_command.keeper.order import HOME, SOURCE, TEMPORARY, Order, Step
from gitopsd_command.keeper.processes import control, give_up_capabilities

_SET_PARENT_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES = 1, 38
# What Python and the keeper do not leave as it is by default.
_OWN_SIGNALS: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MOST_OPEN_FILES: Final = 4096
# Counted for the whole user, so it is set only where a user is named for the commands.
_MOST_PROCESSES: Final = 1024


class UnusableUser(Exception):  # noqa: N818  # an outcome of the run that is reported, not an error of the keeper
    """The commands cannot run as the declared user; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the commands run as; None keeps the present one."""

    name: str
    uid: int
    gid: int


def account_of(user: str) -> Account | None:
    """The account of a user's name, None for "" and for the present one. Raises `UnusableUser`."""
    if not user:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise UnusableUser(f"there is no user {user!r}") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise UnusableUser(f"gitopsd does not run as root, so it cannot run commands as {user!r}")
    return Account(user, found.pw_uid, found.pw_gid)


def owner_of(account: Account | None) -> Owner:
    """Whose the private folder is."""
    return Owner(account.uid, account.gid) if account else Owner()


def become(order: Order, step: Step, account: Account | None, output: int, errors: int) -> None:
    """Turn this process into the step's command; returns only by raising `OSError` or `ValueError`."""
    folder = order.folder
    os.setsid()
    _connect(output if step.keeps else errors, errors)
    os.umask(0o077)
    _limit(order, named_user=account is not None)
    os.chdir(os.path.join(folder, SOURCE, order.path))
    control(_SET_NO_NEW_PRIVILEGES, 1)
    only_write_below((folder, *order.writable))
    _drop_privileges(account)
    # After the last change of user, which clears it.
    control(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    for number in _OWN_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    environment = {**order.environment, "HOME": f"{folder}/{HOME}", "TMPDIR": f"{folder}/{TEMPORARY}"}
    try:
        os.execvpe(step.argv[0], step.argv, environment)  # noqa: S606  # an argv list, and no shell
    except (FileNotFoundError, NotADirectoryError):
        raise OSError(errno.ENOENT, f"there is no program {step.argv[0]!r}, or not what it runs in") from None


def _connect(output: int, errors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(here, there)


def _limit(order: Order, *, named_user: bool) -> None:
    _lower(resource.RLIMIT_CORE, 0)
    # Private writable memory: address space alone would stop every program that reserves more than it uses.
    _lower(resource.RLIMIT_DATA, order.most_memory)
    _lower(resource.RLIMIT_FSIZE, order.largest_file)
    _lower(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    _lower(resource.RLIMIT_CPU, int(order.seconds * (os.cpu_count() or 1)) + 10)
    if named_user:
        _lower(resource.RLIMIT_NPROC, _MOST_PROCESSES)


def _lower(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (limit, limit))


def _drop_privileges(account: Account | None) -> None:
    """Become the user, and give up all capabilities: under no_new_privs exec gives none back, not even to root."""
    if account is not None:
        os.initgroups(account.name, account.gid)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    give_up_capabilities()
