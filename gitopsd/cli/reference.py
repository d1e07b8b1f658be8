"""docs/cli.md: the help of every command. `python -m gitopsd.cli.reference > docs/cli.md` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gitopsd.cli.tree import PROGRAM, build

_WIDTH = 100
_INTRODUCTION = """\
# The command line

Generated from the commands themselves; `gitopsd COMMAND --help` shows the same.

| Exit code | Meaning |
|---|---|
| 0 | good |
| 1 | the answer is bad (not Synced, not Healthy), or something refused; the message says what to try |
| 2 | the command line, the configuration or an input file cannot be used |
| 3 | not ready within the time that was given |
| 70 | a fault of gitopsd itself; `gitopsd --debug …` shows where |
| 130, 141 | Ctrl-C; the reader of the output went away |

Answers go to standard output, everything else to standard error. Tables are coloured on a terminal and plain columns
elsewhere (`NO_COLOR` and `TERM=dumb` are honoured). Control and bidirectional characters of foreign text are escaped in
text and YAML; `-o json` is the raw form.

`app` finds the daemon's socket by `--socket`, `--config`, `GITOPSD_SOCKET`, else as `./state/gitopsd.sock`,
`/run/gitopsd/gitopsd.sock` or `/var/lib/gitopsd/gitopsd.sock`. `gitopsd --install-completion` sets up the shell.
"""


def reference() -> str:
    """The whole page."""
    return _INTRODUCTION + "".join(f"\n## {path}\n\n```text\n{text}\n```\n" for path, text in _helps())


def _helps() -> Iterator[tuple[str, str]]:
    root = get_command(build(rich=False))
    pending: list[tuple[str, object]] = [(PROGRAM, root)]
    while pending:
        path, command = pending.pop(0)
        if isinstance(command, (TyperCommand, TyperGroup)):
            with command.make_context(path, [], resilient_parsing=True, terminal_width=_WIDTH) as context:
                yield path, command.get_help(context).rstrip()
        if isinstance(command, TyperGroup):
            pending[0:0] = [(f"{path} {name}", each) for name, each in command.commands.items()]


if __name__ == "__main__":
    sys.stdout.write(reference())
