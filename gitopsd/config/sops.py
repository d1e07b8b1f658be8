"""`sops`: the keys of encrypted files, as `SopsAccess`."""

from __future__ import annotations

from gitopsd.config.document import Document
from gitopsd.config.errors import Problems
from gitopsd.config.models.sops import Sops
from gitopsd.ports.sops import KeyServices, SopsAccess, SopsKey


def sops_access(model: Sops) -> SopsAccess:
    """The keys of the section."""
    services = None
    if model.kms is not None:
        services = KeyServices(tuple(model.kms.keys), model.kms.environment, tuple(model.kms.projects))
    return SopsAccess(
        age=tuple(SopsKey(entry.key, tuple(entry.projects)) for entry in model.age_keys),
        pgp=tuple(SopsKey(entry.key, tuple(entry.projects)) for entry in model.pgp_keys),
        services=services,
    )


def warn_of_plain_http(model: Sops, document: Document, problems: Problems) -> None:
    """Note each key service that is asked without TLS."""
    for index, name in enumerate(model.kms.keys if model.kms is not None else ()):
        if name.startswith("http://"):
            place = document.position(("sops", "kms", "keys", index))
            problems.warn(place, "credentials go over plain http, where anybody on the way can read them")
