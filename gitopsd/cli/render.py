"""`gitopsd render`: the manifests of a folder, or of an application of the configuration."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.failures import BadInputError
from gitopsd.cli.output import Format, data, note, waiting, warn, write
from gitopsd.cli.params import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitopsd.core.app import Source
    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.core.manifest import Manifest
    from gitopsd.daemon.offline import Setting
    from gitopsd.plugin.renderer import RenderResult
    from gitopsd.ports.renderer import RenderTarget

_LONGEST_RELEASE = 53
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:")


def render(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="The folder to render; oci://HOST/PATH; or, with --repo, a chart's name.",
            show_default=False,
        ),
    ] = "",
    *,
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="An application of the configuration, instead of a folder.")
    ] = "",
    config: Annotated[
        str,
        typer.Option(
            "--config", metavar="FILE", help="The configuration, with --app and for repositories' credentials."
        ),
    ] = "",
    repo: Annotated[str, typer.Option("--repo", metavar="URL", help="The Helm repository of the chart PATH.")] = "",
    version: Annotated[
        str,
        typer.Option("--version", metavar="VERSION", help="Version, range or tag of a chart or OCI artifact."),
    ] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The application's and release's name. Default: the folder's.")
    ] = "",
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAMESPACE", help="The namespace that templates see.")
    ] = "",
    values: Annotated[
        list[str] | None, typer.Option("-f", "--values", metavar="FILE", help="Helm values; the last one wins.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A Helm value; may be repeated. Commas are part of VALUE."),
    ] = None,
    kube_version: Annotated[
        str, typer.Option("--kube-version", metavar="VERSION", help="The version that templates see.")
    ] = "",
    api_versions: Annotated[
        list[str] | None,
        typer.Option("--api-versions", metavar="API", help="An API that templates see; may be repeated."),
    ] = None,
    output: Output = None,
) -> None:
    """Print manifests as the daemon would render them.

    As YAML, or with -o json as a list. A folder is rendered as it stands on disk, uncommitted changes and all.
    With --app its repositories are fetched at their target revisions; an OCI artifact or a chart of a repository is
    fetched likewise, and so is whatever a folder refers to elsewhere; what was fetched is removed afterwards.
    Credentials come from the configuration and, unless a folder is rendered, from Argo CD's Secrets as its
    repositoriesFrom says. No cluster is asked for anything else: its version and APIs are what --kube-version and
    --api-versions say.
    """
    apis = _split(api_versions or [])
    if app and path:
        raise BadInputError("a folder and --app exclude each other", hint="`gitopsd render PATH` without --app")
    if (version or repo) and not (repo or path.startswith("oci://")):
        raise BadInputError("--version is for charts and OCI artifacts", hint="`gitopsd render CHART --repo URL`")
    from gitopsd.cli.helmvalues import helm_options

    def decrypt(file: str, content: bytes) -> bytes:
        from gitopsd.daemon.offline import decrypt_values

        return decrypt_values(_where(config, _target(kube_version, apis)), file, content)

    if app:
        _refuse_with_app(
            {"--name": name, "--namespace": namespace, "--values": values, "--set": parameters, "--repo": repo}
        )
        manifests, warnings = _application(app, config or "gitopsd.yaml", _target(kube_version, apis))
    elif repo or path.startswith("oci://"):
        asked = _source(path, repo, version, helm_options(values or [], parameters or [], decrypt))
        chosen = name or release_name(asked.chart or path)
        manifests, warnings = _fetched(asked, chosen, namespace, config, _target(kube_version, apis))
    elif path:
        _refuse_url(path)
        options = helm_options(values or [], parameters or [], decrypt)
        where = _where(config, _target(kube_version, apis))
        result = _folder(path, name or release_name(path), namespace, options, where)
        manifests, warnings = result.manifests, result.warnings
    else:
        raise BadInputError("nothing to render is named", hint="`gitopsd render PATH` or `gitopsd render --app NAME`")
    for warning in warnings:
        warn(warning)
    if not manifests:
        note(
            "nothing to apply: no manifest came out (a plain folder's subfolders are read only with directory.recurse;"
            " a plugin's manifests are what its command prints)"
        )
    _print(manifests, output)


def _folder(path: str, name: str, namespace: str, options: JsonObject | None, where: Setting) -> RenderResult:
    from gitopsd.daemon.log import configure_log
    from gitopsd.daemon.offline import render_path

    configure_log("warning", "auto")
    return render_path(
        path,
        where,
        name=name,
        namespace=namespace,
        renderer="helm" if options is not None else "",
        options=options or {},
    )


def _source(path: str, repo: str, version: str, options: JsonObject | None) -> Source:
    """A chart of the repository `repo`, or the OCI artifact at `path`, which may be a chart too."""
    from gitopsd.core.app import Source

    helm = "helm" if options is not None else ""
    if repo:
        if not path:
            raise BadInputError("--repo names no chart", hint="`gitopsd render CHART --repo URL`")
        return Source(
            repo.rstrip("/"), target_revision=version or "*", renderer=helm, options=options or {}, chart=path
        )
    return Source(path.rstrip("/"), target_revision=version or "latest", renderer=helm, options=options or {})


def _fetched(
    source: Source, name: str, namespace: str, config: str, target: RenderTarget
) -> tuple[Sequence[Manifest], Sequence[str]]:
    from gitopsd.cli.argocd_secrets import with_argocds_secrets
    from gitopsd.daemon.log import configure_log
    from gitopsd.daemon.offline import render_source

    configure_log("warning", "auto")
    where = with_argocds_secrets(_where(config, target))
    over = waiting(f"fetching {source.chart or source.repo_url}")
    try:
        rendered = render_source(where, source, name=name, namespace=namespace)
    finally:
        over()
    return rendered.manifests, rendered.warnings


def _application(name: str, config: str, target: RenderTarget) -> tuple[Sequence[Manifest], Sequence[str]]:
    from gitopsd.cli.argocd_secrets import with_argocds_secrets
    from gitopsd.daemon.log import configure_log
    from gitopsd.daemon.offline import application_named, render_app

    configure_log("warning", "auto")
    where = _where(config, target)
    application_named(where.config, name)  # a name that is not there is told before a cluster is asked
    where = with_argocds_secrets(where)
    over = waiting(f"fetching the repositories of {name}")
    try:
        rendered = render_app(where, name)
    finally:
        over()
    return rendered.manifests, rendered.warnings


def _where(config: str, target: RenderTarget) -> Setting:
    from gitopsd.daemon.offline import setting

    return setting(os.environ, target, config)


def _target(kube_version: str, apis: tuple[str, ...]) -> RenderTarget:
    from gitopsd.ports.renderer import RenderTarget

    return RenderTarget(kube_version, apis)


def _refuse_with_app(options: dict[str, object]) -> None:
    given = [option for option, value in options.items() if value]
    if given:
        raise BadInputError(
            f"{' and '.join(given)} cannot be given with --app",
            why="the configuration says what it is rendered with",
            hint="change the application in the configuration, or render its folder",
        )


def _refuse_url(path: str) -> None:
    from gitopsd.core.errors import shown_url

    if _URL.match(path) and not os.path.exists(path):
        raise BadInputError(
            f"{shown_url(path)} is a URL, not a folder",
            hint="a chart of a Helm repository: `gitopsd render CHART --repo URL`; of a git repository render a clone,"
            " or with --app an application of the configuration",
        )


def _split(texts: Sequence[str]) -> tuple[str, ...]:
    """Helm takes several at once, with commas between them."""
    return tuple(part for text in texts for part in text.split(",") if part)


def release_name(path: str) -> str:
    """The folder's name, as far as a Helm release may have it."""
    name = os.path.basename(os.path.realpath(path)).lower()
    return re.sub(r"[^a-z0-9-]+", "-", name)[:_LONGEST_RELEASE].strip("-") or "app"


def _print(manifests: Sequence[Manifest], output: Format | None) -> None:
    if output is Format.JSON:
        data([manifest.body for manifest in manifests], output)
        return
    from gitopsd.cli.yamldump import dump_all

    write(dump_all(manifest.body for manifest in manifests))
