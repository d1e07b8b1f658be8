"""`gitopsd app actions`: what can be done to live objects, and doing it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import typer

from gitopsd.cli.alone import help_alone
from gitopsd.cli.appname import Name
from gitopsd.cli.client import Api, about, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError, DaemonError, NoDaemonError
from gitopsd.cli.output import complain, data, lines, note, warn
from gitopsd.cli.params import Output, Socket, SocketOf
from gitopsd.cli.summary import object_of
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, boolean, mapping, objects, sequence, text

_MOST_SHOWN = 10

actions = typer.Typer(
    help="Restart, scale, pause and what else can be done to an application's live objects.",
    invoke_without_command=True,
)

Kind = Annotated[str, typer.Option("-k", "--kind", metavar="KIND", help="Objects of this kind, in any case.")]
Group = Annotated[str | None, typer.Option("--group", metavar="GROUP", help='Of this API group; "" is the core group.')]
Namespace = Annotated[str | None, typer.Option("-n", "--namespace", metavar="NAMESPACE", help="In this namespace.")]
Named = Annotated[
    str | None, typer.Option("--resource-name", "--name", metavar="OBJECT", help="The object with this name.")
]


class _Wanted(NamedTuple):
    """Which objects; None and "" are any."""

    kind: str
    group: str | None
    namespace: str | None
    name: str | None

    def query(self) -> dict[str, str | list[str]]:
        """As the API takes it; the kind is looked at here, in any case."""
        named = {"namespace": self.namespace, "resourceName": self.name, "group": self.group}
        return {key: each for key, each in named.items() if each}

    def fits(self, item: JsonObject) -> bool:
        """Whether it is one of them."""
        kinds = {text(item, "kind").casefold(), ""}
        return self.kind.casefold() in kinds and self.group in (None, text(item, "group"))


@actions.callback()
def _actions(context: typer.Context) -> None:
    help_alone(context)


@actions.command("list")
def list_actions(
    name: Name,
    *,
    kind: Kind = "",
    group: Group = None,
    namespace: Namespace = None,
    resource_name: Named = None,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """List what can be done to an application's objects, and what cannot be done now.

    \b
    Examples:
      gitopsd app actions list shop
      gitopsd app actions list shop --kind deployment --name web -o json
    """
    api = Api(find_socket(socket, config, os.environ))
    found = _found(api, name, _Wanted(kind, group, namespace, resource_name))
    if output is not None:
        data(found, output)
        return
    rows = [row for item in objects(found, "items") for row in _rows(item)]
    if rows:
        table(("OBJECT", "ACTION", "PARAMETERS", "NOW"), rows)
    else:
        note("no object has actions")
    _incomplete(found)


@actions.command("run")
def run(
    name: Name,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="Its name, as `app actions list` shows it.")],
    *,
    kind: Kind,
    resource_name: Named = None,
    group: Group = None,
    namespace: Namespace = None,
    param: Annotated[
        list[str] | None,
        typer.Option("-p", "--param", metavar="NAME=VALUE", help="A parameter of the action; may be repeated."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="On all objects that fit, not on the only one.")] = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> int:
    """Run an action on an object, and say what it changed.

    What an action sets and git sets too is set back: by self-heal, or by the next sync.

    \b
    Examples:
      gitopsd app actions run shop restart --kind Deployment --resource-name web
      gitopsd app actions run shop scale --kind Deployment --resource-name web --param replicas=3
      gitopsd app actions run shop create-job --kind CronJob --name nightly
    """
    parameters = dict(_parameter(each) for each in param or ())
    api = Api(find_socket(socket, config, os.environ))
    wanted = _Wanted(kind, group, namespace, resource_name)
    found = _found(api, name, wanted)
    targets = _targets(name, found, every=every)
    done: list[JsonObject] = []
    failed = False
    for target in targets:
        try:
            done.append(_run(api, name, target, {"action": action, "parameters": parameters}))
        except NoDaemonError:
            raise
        except DaemonError as error:
            if len(targets) == 1:
                raise
            complain(error.what, where=object_of(target), why=error.why, hint=error.hint)
            failed = True
    if output is not None:
        data({"items": done} if every else done[0], output)
    else:
        lines(line for each in done for line in _told(each))
        for each in done:
            _warn_of_git(each)
    return ExitCode.FAILED if failed else ExitCode.OK


def _found(api: Api, name: str, wanted: _Wanted) -> JsonObject:
    """The answer with those of its objects that are wanted."""
    with about(name):
        found = api.get(f"{application_route(name)}/resource/actions", wanted.query()).body
    return {**found, "items": [item for item in objects(found, "items") if wanted.fits(item)]}


def _targets(name: str, found: JsonObject, *, every: bool) -> Sequence[JsonObject]:
    items = objects(found, "items")
    if not items:
        raise BadInputError(
            "no object with actions is of that kind and name",
            where=name,
            hint=f"`gitopsd app actions list {name}` shows those that there are",
        )
    if len(items) > 1 and not every:
        more = ", …" if len(items) > _MOST_SHOWN else ""
        raise BadInputError(
            f"{len(items)} objects are of that kind and name",
            where=name,
            why=", ".join(object_of(item) for item in items[:_MOST_SHOWN]) + more,
            hint="say which one with --resource-name, --namespace and --group, or --all",
        )
    _incomplete(found)
    return items


def _run(api: Api, name: str, target: JsonObject, body: JsonObject) -> JsonObject:
    query: dict[str, str | list[str]] = {
        "group": text(target, "group"),
        "kind": text(target, "kind"),
        "namespace": text(target, "namespace"),
        "resourceName": text(target, "name"),
    }
    with about(name):
        return api.post(f"{application_route(name)}/resource/actions", query, body=body).body


def _parameter(written: str) -> tuple[str, str]:
    name, equals, given = written.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{written!r} is no NAME=VALUE", param_hint="'--param'")
    return name, given


def _rows(item: JsonObject) -> Iterator[list[str]]:
    shown = object_of(item)
    if text(item, "error"):
        yield [shown, "-", "", text(item, "error")]
    for action in objects(item, "actions"):
        params = (_parameter_shown(each) for each in objects(action, "params"))
        yield [shown, text(action, "name"), " ".join(params), text(action, "reason") or "can be run"]


def _parameter_shown(parameter: JsonObject) -> str:
    offered = text(parameter, "default")
    return f"{text(parameter, 'name')}={offered}" if offered else text(parameter, "name")


def _told(done: JsonObject) -> Iterator[str]:
    shown = object_of(mapping(done, "object"))
    patched, created = objects(done, "patched"), objects(done, "created")
    changed = "done" if patched or created else "nothing to change"
    yield f"{shown}: {text(done, 'action')}: {changed}"
    yield from (f"  created {object_of(each)}" for each in created)


def _warn_of_git(done: JsonObject) -> None:
    fields = ", ".join(str(each) for each in sequence(done, "undone"))
    if not fields:
        return
    when = "self-heal sets it back at once" if boolean(done, "selfHeal") else "the next sync sets it back"
    warn(f"{object_of(mapping(done, 'object'))}: git sets {fields} otherwise, and {when}; change it in git to keep it")


def _incomplete(found: JsonObject) -> None:
    if boolean(found, "truncated"):
        warn("there are more objects than these: ask for a group, namespace or name")
