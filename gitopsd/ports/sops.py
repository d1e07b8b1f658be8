"""The keys for files that SOPS encrypted, and who may use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.core.secret import Secret


@dataclass(frozen=True, slots=True)
class SopsKey:
    """The text of a key: age identities (or an SSH private key), or PGP private keys with armour.

    `projects` are the projects whose applications may use it, as globs; none means all.
    """

    secret: Secret
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyServices:
    """Which key services may be asked (names, or what they begin with: ARNs, GCP resources, URLs), and with which
    environment (credentials, mostly).
    """

    keys: tuple[str, ...]
    environment: Mapping[str, Secret] = field(default_factory=dict)
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SopsAccess:
    """All keys. Without any, an encrypted file is an error that names whom it was encrypted for."""

    age: tuple[SopsKey, ...] = ()
    pgp: tuple[SopsKey, ...] = ()
    services: KeyServices | None = None
