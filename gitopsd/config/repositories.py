"""`repositories`: how to reach each, as `RepositoryAccess`."""

from __future__ import annotations

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.locations import LocationError, declared_location
from gitopsd.config.models.repository import Repository
from gitopsd.config.validation import shown_path
from gitopsd.core.repo_url import normalise, parse
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import RepositoryAccess

_SSH_ONLY = ("sshPrivateKey", "sshKnownHosts", "insecureIgnoreHostKey")
_HTTP_ONLY = ("username", "password", "bearerToken", "ca", "insecure")


def repository_access(
    model: Repository, document: Document, path: KeyPath, folder: str, problems: Problems
) -> RepositoryAccess | None:
    """The entry at `path`; None after noting why its address cannot be used. `folder` is what relative paths
    start from."""
    try:
        url = declared_location(model.url, folder)
    except LocationError as problem:
        place = (*path, "url")
        problems.add(
            document.position(place), f"{shown_path(place)} cannot be used", why=problem.why, hint=problem.hint
        )
        return None
    _check_credentials(model, parse(url).scheme, document, path, problems)
    return RepositoryAccess(
        url=url,
        username=model.username or "",
        password=model.password,
        bearer_token=model.bearer_token,
        ssh_private_key=_ended(model.ssh_private_key),
        ssh_known_hosts=model.ssh_known_hosts or "",
        ca=model.ca or "",
        insecure=model.insecure,
        insecure_ignore_host_key=model.insecure_ignore_host_key,
    )


def _ended(key: Secret | None) -> Secret | None:
    """A private key with the newline at its end that some readers insist on."""
    return Secret(key.reveal().rstrip("\n") + "\n") if key else None


def check_duplicates(accesses: list[tuple[RepositoryAccess, KeyPath]], document: Document, problems: Problems) -> None:
    """Note entries whose URL means a repository that an earlier entry means too."""
    first: dict[str, KeyPath] = {}
    for access, path in accesses:
        earlier = first.setdefault(normalise(access.url), path)
        if earlier != path:
            problems.add(
                document.position((*path, "url")),
                f"{shown_path((*path, 'url'))} is a repository that is listed already",
                why=f"it stands at {document.position((*earlier, 'url'))} too",
            )


def _check_credentials(model: Repository, scheme: str, document: Document, path: KeyPath, problems: Problems) -> None:
    given = {info.alias or name: getattr(model, name) for name, info in type(model).model_fields.items()}
    useless = (*(_SSH_ONLY if scheme != "ssh" else ()), *(_HTTP_ONLY if scheme not in {"https", "http"} else ()))
    for key in useless:
        if given[key]:
            place = (*path, key)
            problems.add(
                document.position(place, key=True),
                f"{shown_path(place)} has no meaning here",
                why=f"the URL's scheme is {scheme}",
            )
    if model.bearer_token and (model.password or model.username):
        place = (*path, "bearerToken")
        problems.add(
            document.position(place, key=True),
            f"{shown_path(place)} stands beside username and password",
            why="expected one or the other",
        )
    if scheme == "http" and (model.password or model.bearer_token):
        problems.warn(
            document.position((*path, "url")), "credentials go over plain http, where anybody on the way can read them"
        )
    for key in ("insecure", "insecureIgnoreHostKey"):
        if given[key]:
            problems.warn(
                document.position((*path, key), key=True), f"{shown_path((*path, key))}: whoever answers is trusted"
            )
