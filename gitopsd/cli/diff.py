"""`gitopsd diff`: what differs between git and a cluster, and who changed it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.failures import BadInputError, NoDaemonError
from gitopsd.cli.output import Format, complain, data, note, waiting, warn
from gitopsd.cli.params import Output, Socket
from gitopsd.core.errors import GitopsdError
from gitopsd.core.jsonvalue import JsonObject, objects, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitopsd.core.manifest import Manifest
    from gitopsd.daemon.compared import Compared, Place
    from gitopsd.daemon.offline import Setting

_UNSURE = ("unknown", "refused")
_FILES = (".yaml", ".yml", ".json")


class _Rendering(NamedTuple):
    """How paths are rendered: as the options of the same names say."""

    namespace: str
    name: str
    values: Sequence[str]
    parameters: Sequence[str]


def diff(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="APP|PATH…",
            help="An application of the daemon; or folders and files of manifests, with a / in their names "
            "(./guestbook).",
            show_default=False,
        ),
    ] = None,
    *,
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="An application of the configuration; asks no daemon.")
    ] = "",
    config: Annotated[
        str,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration: for --app, --cluster and repositories' credentials, or to find the daemon.",
        ),
    ] = "",
    context: Annotated[
        str, typer.Option("--context", metavar="NAME", help="Compare a PATH with this context of the kubeconfig.")
    ] = "",
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="NAME", help="Compare a PATH with this cluster of the configuration.")
    ] = "",
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAMESPACE", help="For objects of a PATH that name none.")
    ] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The release's name of a PATH. Default: the folder's.")
    ] = "",
    values: Annotated[
        list[str] | None, typer.Option("-f", "--values", metavar="FILE", help="Helm values; the last one wins.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A Helm value; may be repeated.")
    ] = None,
    output: Output = None,
    socket: Socket = "",
) -> int:
    """Show what differs between git and the cluster, field by field, and who set what the cluster has.

    Of an application the daemon tells what it found. A PATH (a folder, chart or kustomization, rendered as
    `gitopsd render` does, or a file) is compared with a cluster directly, as --app is: nothing is written, the API
    server is asked what an apply would change. Secrets' values are never shown.
    Exit codes: 0 no difference, 1 differences, 2 it could not be compared.
    """
    paths = [each for each in what or [] if _is_path(each)]
    offline = {"--app": app, "--context": context, "--cluster": cluster, "--namespace": namespace, "--name": name}
    chart: dict[str, object] = {**offline, "--values": values, "--set": parameters}
    try:
        _check(what or [], paths, app, context=context, cluster=cluster, given=chart)
        if not paths and not app:
            return _told_by_daemon((what or [""])[0], socket, config, output)
        settings = (config, context, cluster)
        if app:
            found = _compared_application(app, *settings)
        else:
            how = _Rendering(namespace, name, values or [], parameters or [])
            found = _compared_paths(paths, *settings, how=how)
    except GitopsdError as error:
        from gitopsd.cli.guard import complain_of

        complain_of(error)
        return ExitCode.USAGE
    for warning in found.warnings:
        warn(warning)
    from gitopsd.core.difference import as_json

    return _told([as_json(each) for each in found.objects], output, found.count)


def _check(
    what: Sequence[str], paths: Sequence[str], app: str, *, context: str, cluster: str, given: Mapping[str, object]
) -> None:
    """Raise `BadInputError` for words that do not go together."""
    if app and what:
        raise BadInputError("a path or application and --app exclude each other", hint="leave one of them out")
    if not app and not what:
        raise BadInputError("nothing to compare is named", hint="`gitopsd diff APP`, or `gitopsd diff ./FOLDER`")
    if context and cluster:
        raise BadInputError("--context and --cluster exclude each other", hint="name one cluster")
    options = [option for option, value in given.items() if value]
    if app:
        refused = [option for option in options if option not in ("--app", "--context", "--cluster")]
        if refused:
            raise BadInputError(
                f"{' and '.join(refused)} cannot be given with --app",
                why="the configuration says what it is rendered with",
                hint="change the application in the configuration, or compare its folder",
            )
    elif paths and len(paths) < len(what):
        other = next(each for each in what if each not in paths)
        raise BadInputError(f"{other!r} is no path", hint=f"write ./{other} for a folder")
    elif not paths and len(what) > 1:
        raise BadInputError("several applications are named", hint="ask for one at a time")
    elif not paths and options:
        raise BadInputError(
            f"{' and '.join(options)} cannot be given for an application of the daemon",
            hint=f"write ./{what[0]} for a folder, or --app {what[0]} for an application of the configuration",
        )


def _is_path(word: str) -> bool:
    return "/" in word or os.sep in word or word in (".", "..") or (word.endswith(_FILES) and os.path.isfile(word))


def _told_by_daemon(name: str, socket: str, config: str, output: Format | None) -> int:
    from gitopsd.cli.client import Api, about, application_route
    from gitopsd.cli.endpoint import find_socket

    try:
        api = Api(find_socket(socket, config, os.environ))
        with about(name):
            answer = api.get(f"{application_route(name)}/differences").body
    except NoDaemonError as error:
        if not os.path.isdir(name):
            raise
        raise NoDaemonError(
            error.what, where=error.where, why=error.why, hint=f"for the folder write `gitopsd diff ./{name}`"
        ) from None
    items = objects(answer, "items")
    if not items and text(answer, "sync") == "Unknown":
        if output is not None:
            data([], output)
        complain(
            "the daemon could not compare it, or has not yet", where=name, hint=f"`gitopsd app get {name}` says why"
        )
        return ExitCode.USAGE
    return _told(items, output, None)


def _told(items: Sequence[JsonObject], output: Format | None, count: int | None) -> int:
    """Print the objects that differ; the exit code."""
    if output is not None:
        data(list(items), output)
    else:
        from gitopsd.cli.differences import show, summary
        from gitopsd.daemon.clock import SystemClock

        if items:
            show(items, SystemClock().now())
        note(summary(items, count))
    if any(text(item, "difference") in _UNSURE for item in items):
        return ExitCode.USAGE
    return ExitCode.FAILED if items else ExitCode.OK


def _compared_application(app: str, config: str, context: str, cluster: str) -> Compared:
    from gitopsd.cli.argocd_secrets import with_argocds_secrets
    from gitopsd.daemon.compared import by_destination, compare_application
    from gitopsd.daemon.offline import application_named, render_app

    where = with_argocds_secrets(_setting(config or "gitopsd.yaml"), clusters=True)
    spec = application_named(where.config, app)
    place = _place(where, context, cluster)
    if place is None and where.config is not None:
        place = by_destination(os.environ, where.config, spec.destination)
    if place is None:
        raise BadInputError("no cluster is named", hint="--cluster NAME")
    over = waiting(f"rendering {app} and asking the cluster")
    try:
        rendered = render_app(_with_target(where, place), app)
        for warning in rendered.warnings:
            warn(warning)
        return compare_application(place, spec, rendered.manifests)
    finally:
        over()


def _compared_paths(paths: Sequence[str], config: str, context: str, cluster: str, *, how: _Rendering) -> Compared:
    from gitopsd.daemon.compared import by_context, compare_folder

    where = _setting(config or ("gitopsd.yaml" if cluster else ""))
    place = _place(where, context, cluster) or by_context(os.environ, "", where.config)
    over = waiting("asking the cluster")
    try:
        where = _with_target(where, place)
        manifests: list[Manifest] = []
        for path in paths:
            manifests += _rendered(path, where, how)
        if not manifests:
            raise BadInputError(
                "nothing to compare: there is no manifest",
                where=" ".join(paths),
                hint="name the folder or file that has some; `gitopsd render` shows what comes out",
            )
        return compare_folder(place, manifests, how.namespace)
    finally:
        over()


def _rendered(path: str, where: Setting, how: _Rendering) -> Sequence[Manifest]:
    if os.path.isfile(path):
        from gitopsd.cli.objects import read_objects
        from gitopsd.core.ids import Position
        from gitopsd.core.manifest import Manifest

        bodies, warnings = read_objects([path], os.environ)
        manifests: Sequence[Manifest] = [Manifest(body, Position(path)) for body in bodies]
    else:
        from gitopsd.cli.helmvalues import helm_options
        from gitopsd.cli.render import release_name
        from gitopsd.daemon.offline import decrypt_values, render_path

        options = helm_options(how.values, how.parameters, lambda file, content: decrypt_values(where, file, content))
        result = render_path(
            path,
            where,
            name=how.name or release_name(path),
            namespace=how.namespace,
            renderer="helm" if options is not None else "",
            options=options or {},
        )
        manifests, warnings = result.manifests, list(result.warnings)
    for warning in warnings:
        warn(warning)
    return manifests


def _setting(config: str) -> Setting:
    from gitopsd.daemon.log import configure_log
    from gitopsd.daemon.offline import setting
    from gitopsd.ports.renderer import RenderTarget

    configure_log("warning", "auto")
    return setting(os.environ, RenderTarget("", ()), config)


def _with_target(where: Setting, place: Place) -> Setting:
    """Templates see the version and the APIs of the cluster that they are compared with."""
    from dataclasses import replace

    from gitopsd.daemon.compared import find_target

    return replace(where, target=find_target(place))


def _place(where: Setting, context: str, cluster: str) -> Place | None:
    """The cluster that was named; None if none was."""
    from gitopsd.core.app import Destination
    from gitopsd.daemon.compared import by_context, by_destination

    if context:
        return by_context(os.environ, context, where.config)
    if cluster and where.config is not None:
        return by_destination(os.environ, where.config, Destination(name=cluster))
    return None
