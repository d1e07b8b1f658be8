"""Where the daemon's socket is."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping

from gitopsd.cli.failures import BadInputError, DaemonError, NoDaemonError

VARIABLE = "GITOPSD_SOCKET"
NAME = "gitopsd.sock"
_USUAL = (f"./state/{NAME}", f"/run/gitopsd/{NAME}", f"/var/lib/gitopsd/{NAME}")
# A file that was broken since does not keep the daemon from running, nor its socket from being where it was.
_NAMED_SOCKET = f"name the daemon's socket: --socket PATH ({NAME} in its state.dir, such as {_USUAL[2]})"
_LONGEST_PATH = 107
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9.-]*):[0-9]{1,5}$", re.ASCII)


def find_socket(socket: str, config: str, environ: Mapping[str, str]) -> str:
    """The socket's path: the one that is named, the environment's, the configuration's, else the first usual one there.

    Raises `DaemonError` where there is none or it is out of reach, `BadInputError` for a configuration that tells
    nothing.
    """
    named = socket or ("" if config else environ.get(VARIABLE, ""))
    if not named and config:
        named = os.path.join(state_folder(config, environ, instead=_NAMED_SOCKET), NAME)
    path = named or _first_usual()
    if _ADDRESS.match(path) and not os.path.lexists(path):
        raise BadInputError(
            "the daemon's socket is a file, no address",
            where=path,
            hint="name its path, such as /run/gitopsd/gitopsd.sock, or the configuration: --config FILE",
        )
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise BadInputError(
            f"a socket's path has at most {_LONGEST_PATH} bytes",
            where=path,
            hint="set state.dir to a shorter path, or name the socket by a relative one",
        )
    return path


def state_folder(config: str, environ: Mapping[str, str], *, instead: str) -> str:
    """`state.dir` of the configuration file, by its own rules; the rest of the file is neither checked nor needed.

    Raises `BadInputError` for a file that does not tell it; `instead` ends its hint: what to name where the file
    cannot be corrected now.
    """
    import yaml

    try:
        with open(config, "rb") as file:
            written = _state_dir(file.read())
    except OSError as error:
        raise BadInputError(
            "the configuration cannot be read",
            where=config,
            why=error.strerror or str(error),
            hint=f"correct --config, or {instead}",
        ) from None
    except (yaml.YAMLError, UnicodeError):
        raise BadInputError(
            "the configuration is not valid YAML",
            where=config,
            hint=f"`gitopsd config check {config}` says where; until then {instead}",
        ) from None
    written = written or "state"
    if written == "~" or written.startswith("~/"):
        written = environ.get("HOME", "~") + written[1:]
    return os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(config)), written))


def _state_dir(data: bytes) -> str:
    """The scalar at `state.dir`, read off the parser's events: a file of thousands of applications is not built."""
    import yaml

    parser = yaml.CSafeLoader(data)
    keys = ["", ""]
    depth = 0
    try:
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth == 2:
                    keys[1] = ""
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
                if 1 <= depth <= 2:
                    keys[depth - 1] = ""
            elif isinstance(event, yaml.NodeEvent) and 1 <= depth <= 2:
                text = str(event.value) if isinstance(event, yaml.ScalarEvent) else ""
                if depth == 2 and keys == ["state", "dir"]:
                    return text
                keys[depth - 1] = "" if keys[depth - 1] else text
        return ""
    finally:
        parser.dispose()


def _first_usual() -> str:
    forbidden = ""
    for path in _USUAL:
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode):
                return path
        except PermissionError:
            forbidden = forbidden or path
        except OSError:
            continue
    if forbidden:
        raise DaemonError(
            "you may not look for the daemon's socket",
            where=forbidden,
            hint="run the command as the daemon's user: `sudo -u gitopsd gitopsd …`",
        )
    raise NoDaemonError(
        "no daemon found",
        why=f"none of {', '.join(_USUAL)} is there",
        hint="start one with `gitopsd run --config FILE`, or say where it is: --config FILE or --socket PATH",
    )
