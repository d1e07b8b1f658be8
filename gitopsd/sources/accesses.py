"""Which credentials, trust and proxy a repository has: looked up by its URL alone, never chosen by content. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gitopsd.core.errors import shown_url
from gitopsd.core.origin import Origin, OriginKind, parse_origin
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.core.url_place import Place, place_of
from gitopsd.ports.sources import RepositoryAccess

# Kinds that an entry serves by the beginning of its URL.
_BELOW: Final = frozenset({OriginKind.OCI, OriginKind.FILE})


class Accesses:
    """All entries and templates of one configuration; of several that mean one URL the first counts.

    An entry of a git or Helm repository is for exactly its URL, one of a registry for all below it, and one of a Helm
    repository for single files below it too. A template serves whatever lies below its URL (by whole path segments, the
    longest wins), unless the entry says itself who we are.
    """

    def __init__(
        self, repositories: Iterable[RepositoryAccess] = (), templates: Iterable[RepositoryAccess] = ()
    ) -> None:
        entries, prefixes = _by_place(repositories), _by_place(templates)
        self.repositories: Sequence[tuple[Place, RepositoryAccess]] = tuple(entries.items())
        self.templates: Sequence[tuple[Place, RepositoryAccess]] = tuple(prefixes.items())
        self._entries, self._prefixes = entries, prefixes
        self._below = {place: access for place, access in entries.items() if access.kind is not OriginKind.GIT}

    def find(self, origin: str) -> RepositoryAccess:
        """How to reach an origin; an access without credentials for one that nothing is said of."""
        parsed = parse_origin(origin)
        place = _place(parsed.url)
        entry = self._entry(parsed, place)
        template = self._template(parsed, place, entry)
        found = entry or RepositoryAccess(parsed.url, kind=parsed.kind)
        if entry is not None and parsed.kind in _BELOW:
            found = replace(found, url=parsed.url, kind=parsed.kind)
        return _inherited(found, template) if template is not None else found

    def entry(self, origin: str) -> RepositoryAccess | None:
        """The entry of `repositories` for an origin."""
        parsed = parse_origin(origin)
        return self._entry(parsed, _place(parsed.url))

    def inherits(self, origin: str) -> str:
        """The masked URL of the template whose credentials an origin has; "" if it has none of a template."""
        parsed = parse_origin(origin)
        place = _place(parsed.url)
        template = self._template(parsed, place, self._entry(parsed, place))
        return shown_url(template.url) if template is not None else ""

    def refusal(self, origin: str, project: str) -> str:
        """Why applications of `project` may not use an origin; "" if they may."""
        entry = self.entry(origin)
        if entry is None or entry.project in {"", project}:
            return ""
        return f"the repository is for applications of project {entry.project} alone, and this one is of {project}"

    def _entry(self, origin: Origin, place: Place | None) -> RepositoryAccess | None:
        if place is None:
            return None
        return _longest(self._below, place) if origin.kind in _BELOW else self._entries.get(place)

    def _template(self, origin: Origin, place: Place | None, entry: RepositoryAccess | None) -> RepositoryAccess | None:
        if not self._prefixes or place is None or (entry is not None and entry.has_credentials):
            return None
        template = _longest(self._prefixes, place)
        return None if template is None or _has_password(origin.url) else template


def _by_place(accesses: Iterable[RepositoryAccess]) -> dict[Place, RepositoryAccess]:
    found: dict[Place, RepositoryAccess] = {}
    for access in accesses:
        place = _place(access.url)
        if place is not None:
            found.setdefault(place, access)
    return found


def _place(url: str) -> Place | None:
    try:
        return place_of(url)
    except BadUrlError:
        return None


def _longest(among: Mapping[Place, RepositoryAccess], place: Place) -> RepositoryAccess | None:
    """The access of the longest of the places that `place` lies in."""
    for length in range(len(place.path), -1, -1):
        found = among.get(Place(place.server, place.path[:length]))
        if found is not None:
            return found
    return None


def _has_password(url: str) -> bool:
    try:
        return bool(parse(url).password)
    except BadUrlError:
        return False


def _inherited(access: RepositoryAccess, template: RepositoryAccess) -> RepositoryAccess:
    """`access`, which does not say who we are, with what the template says; its own trust and proxy stay."""
    proxied = access if access.proxy is not None else template
    return replace(
        access,
        username=template.username,
        password=template.password,
        bearer_token=template.bearer_token,
        ssh_private_key=template.ssh_private_key,
        tls_client_cert=template.tls_client_cert,
        tls_client_key=template.tls_client_key,
        github_app=template.github_app,
        force_basic_auth=template.force_basic_auth,
        pass_credentials=access.pass_credentials or template.pass_credentials,
        ssh_known_hosts=access.ssh_known_hosts or template.ssh_known_hosts,
        ca=access.ca or template.ca,
        insecure=access.insecure or template.insecure,
        insecure_ignore_host_key=access.insecure_ignore_host_key or template.insecure_ignore_host_key,
        insecure_oci_force_http=access.insecure_oci_force_http or template.insecure_oci_force_http,
        proxy=proxied.proxy,
        no_proxy=proxied.no_proxy,
    )
