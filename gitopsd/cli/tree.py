"""All commands, and their way from the command line's words to a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import typer
from typer.main import get_command

from gitopsd.cli.alone import help_alone
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import complain, is_terminal

PROGRAM = "gitopsd"
_EPILOG = """\b
Examples:
  gitopsd config check gitopsd.yaml            is the configuration right?
  gitopsd run --config gitopsd.yaml            run the daemon
  gitopsd run --config gitopsd.yaml --once     sync everything once, for CI
  gitopsd app list                             what does the daemon keep, and how is it?
  gitopsd app get guestbook                    why is it so?
  gitopsd app plan guestbook                   what would a sync do?
  gitopsd app sync guestbook                   do it, and wait until it is done
  gitopsd app rollback guestbook               bring back what was deployed before
  gitopsd tree guestbook                       what is below its objects?
  gitopsd repo list                            can its repositories be reached?
  gitopsd cluster list                         do its clusters answer?
  gitopsd render ./guestbook                   what would be applied?
  gitopsd diff guestbook                       what differs, and who changed it?
  gitopsd admin doctor --config gitopsd.yaml   is everything there that it needs?

\b
Exit codes: 0 good, 1 the answer is bad or refused, 2 wrong usage, configuration or input, 3 timed out."""


def build(*, rich: bool, only: str = "") -> typer.Typer:
    """The commands; `rich` draws help and errors with frames and colours.

    With the name of a command or group in `only` the others are not even imported; other words mean all.
    """
    tree = typer.Typer(
        name=PROGRAM,
        epilog=_EPILOG,
        rich_markup_mode="rich" if rich else None,
        context_settings={"help_option_names": ["-h", "--help"]},
        invoke_without_command=True,
        pretty_exceptions_enable=False,
    )
    tree.callback()(_root)
    for name, add in _COMMANDS.items():
        if only == name or only not in _COMMANDS:
            add(tree)
    return tree


def _run(tree: typer.Typer) -> None:
    from gitopsd.cli.run import run

    tree.command()(run)


def _render(tree: typer.Typer) -> None:
    from gitopsd.cli.render import render

    tree.command()(render)


def _diff(tree: typer.Typer) -> None:
    from gitopsd.cli.diff import diff

    tree.command()(diff)


def _health(tree: typer.Typer) -> None:
    from gitopsd.cli.health import health

    tree.command()(health)


def _tree(tree: typer.Typer) -> None:
    from gitopsd.cli.tree_command import tree as tree_command

    tree.command("tree")(tree_command)


def _version(tree: typer.Typer) -> None:
    from gitopsd.cli.version import version

    tree.command()(version)


def _config(tree: typer.Typer) -> None:
    from gitopsd.cli.config import config

    tree.add_typer(config, name="config")


def _app(tree: typer.Typer) -> None:
    from gitopsd.cli.app import app

    tree.add_typer(app, name="app")


def _repo(tree: typer.Typer) -> None:
    from gitopsd.cli.repo import repo

    tree.add_typer(repo, name="repo")


def _cluster(tree: typer.Typer) -> None:
    from gitopsd.cli.cluster import cluster

    tree.add_typer(cluster, name="cluster")


def _admin(tree: typer.Typer) -> None:
    from gitopsd.cli.admin import admin

    tree.add_typer(admin, name="admin")


_COMMANDS: Final[Mapping[str, Callable[[typer.Typer], None]]] = {
    "run": _run,
    "render": _render,
    "diff": _diff,
    "health": _health,
    "config": _config,
    "app": _app,
    "repo": _repo,
    "cluster": _cluster,
    "admin": _admin,
    "tree": _tree,
    "version": _version,
}


def dispatch(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; its exit code. Raises what commands raise."""
    command = get_command(build(rich=is_terminal(sys.stdout), only=arguments[0] if arguments else ""))
    try:
        found = command(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        return _wrong_usage(error)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return found if isinstance(found, int) else ExitCode.OK


def _root(
    context: typer.Context,
    *,
    _debug: Annotated[bool, typer.Option("--debug", help="Show where in gitopsd an error came from.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Keeps Kubernetes clusters equal to git: one process, one YAML file of applications.

    `run` is the daemon; `app` asks it. `config`, `render`, `health` and `diff PATH` need no daemon.
    """
    if show_version:
        from gitopsd.cli.version import version

        raise typer.Exit(version(output=None, everything=False))
    help_alone(context)


def _wrong_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if isinstance(context, typer.Context) else getattr(context, "command_path", PROGRAM)
    # Typer lets pydantic speak before its own words.
    complain(error.format_message().replace(": Value error, ", ": "), hint=f"`{path} --help`")
    return error.exit_code
