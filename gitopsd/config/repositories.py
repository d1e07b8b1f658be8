"""`repositories` and `repositoryCredentials`: how to reach each, as `RepositoryAccess`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.locations import LocationError, declared_location
from gitopsd.config.models.repository import CredentialTemplate, RepositoriesFrom, Repository, RepositoryReach
from gitopsd.config.reach import access_of, check_reach
from gitopsd.config.signatures import verification
from gitopsd.config.validation import nearest, shown_path
from gitopsd.config.values import RepositorySecrets
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.core.url_place import OCI_SCHEME, place_of, registry_url
from gitopsd.ports.sources import RepositoryAccess

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def repository_access(
    model: Repository, document: Document, path: KeyPath, folder: str, problems: Problems
) -> RepositoryAccess | None:
    """The entry at `path`; None after noting why its address cannot be used. `folder` is what relative paths
    start from."""
    try:
        url = _registry(model, model.url) or declared_location(model.url, folder)
    except LocationError as problem:
        _note_url(document, path, problems, problem.why, problem.hint)
        return None
    scheme = "oci" if url.startswith(OCI_SCHEME) else parse(url).scheme
    if model.type == "helm" and scheme not in {"http", "https", "oci"}:
        _note_url(document, path, problems, f"the URL's scheme is {scheme}, and a Helm repository's is https")
        return None
    check_reach(model, scheme, document, path, problems)
    _check_git(model, document, path, problems)
    return access_of(
        model,
        url,
        name=model.name or "",
        project=model.project or "",
        depth=model.depth,
        enable_lfs=model.enable_lfs,
        submodules=model.submodules,
        verify=verification(model, document, path, problems),
        written_at=str(document.position(path)),
    )


def template_access(
    model: CredentialTemplate, document: Document, path: KeyPath, problems: Problems
) -> RepositoryAccess | None:
    """The template at `path`; None after noting why its URL cannot be used."""
    try:
        url = _registry(model, model.url) or _prefix(model.url)
    except (BadUrlError, LocationError) as problem:
        _note_url(document, path, problems, str(problem))
        return None
    check_reach(model, place_of(url).server.split("://", 1)[0], document, path, problems)
    return access_of(model, url, written_at=str(document.position(path)))


def repository_secrets(
    model: RepositoriesFrom, clusters: Sequence[str], document: Document, path: KeyPath, problems: Problems
) -> RepositorySecrets:
    """The entry at `path`; a cluster that is not among `clusters` is noted."""
    if model.cluster not in clusters:
        place = (*path, "cluster")
        near = nearest(model.cluster, tuple(clusters))
        problems.add(
            document.position(place),
            f"{shown_path(place)} names no cluster of this file",
            why=f"expected one of {', '.join(clusters) or 'none'}",
            hint=near,
        )
    if not _NAMESPACE.fullmatch(model.namespace):
        place = (*path, "namespace")
        problems.add(document.position(place), f"{shown_path(place)} is no namespace's name")
    return RepositorySecrets(model.cluster, model.namespace)


def check_duplicates(accesses: list[tuple[RepositoryAccess, KeyPath]], document: Document, problems: Problems) -> None:
    """Note entries whose URL means a repository that an earlier entry means too."""
    first: dict[object, KeyPath] = {}
    for access, path in accesses:
        earlier = first.setdefault(place_of(access.url), path)
        if earlier != path:
            problems.add(
                document.position((*path, "url")),
                f"{shown_path((*path, 'url'))} is a repository that is listed already",
                why=f"it stands at {document.position((*earlier, 'url'))} too",
            )


def _registry(model: RepositoryReach, url: str) -> str:
    """The URL of a registry, with its scheme; "" for what is none. Raises `LocationError`."""
    try:
        return registry_url(url, kind=model.type, enable_oci=model.enable_oci)
    except BadUrlError as problem:
        raise LocationError(str(problem)) from None


def _prefix(url: str) -> str:
    """A template's URL. Raises `BadUrlError`."""
    if place_of(url).server.startswith("file:"):
        raise BadUrlError("expected https://…, ssh://…, git@host:… or a registry's host")
    if "://" in url and parse(f"{url.rstrip('/')}/x").password:
        raise BadUrlError("a password must not stand in a URL")
    return url


def _note_url(document: Document, path: KeyPath, problems: Problems, why: str, hint: str = "") -> None:
    place = (*path, "url")
    problems.add(document.position(place), f"{shown_path(place)} cannot be used", why=why, hint=hint)


def _check_git(model: Repository, document: Document, path: KeyPath, problems: Problems) -> None:
    if model.type == "git":
        return
    for key, given in (
        ("depth", model.depth),
        ("enableLfs", model.enable_lfs),
        ("submodules", model.submodules),
        ("verify", model.verify),
    ):
        if given:
            place = (*path, key)
            problems.add(
                document.position(place, key=True),
                f"{shown_path(place)} has no meaning here",
                why=f"the repository's type is {model.type}",
            )
