"""Certificates and private keys as kubeconfigs hold them: PEM, in a file or in base64.

Judged before any library sees them: what is no certificate would count as none, and the system's would be trusted.
Sources: RFC 7468 for PEM, https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ for kubeconfigs' keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue

AUTHORITY: Final = "certificate-authority"
CERTIFICATE: Final = "client-certificate"
KEY: Final = "client-key"
_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL
)
_CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_SEQUENCE: Final = 0x30


class BadPemError(ValueError):
    """It is no PEM of what is expected. The text quotes nothing of it."""


def check_certificates(text: str) -> None:
    """Raise `BadPemError` unless there is a certificate, and each that there is can be read."""
    found = [body for label, body in _blocks(text) if label in _CERTIFICATE_LABELS]
    if not text.strip():
        raise BadPemError("it is empty")
    if not found:
        raise BadPemError("there is no certificate (PEM) in it")
    if not all(_is_sequence(body) for body in found):
        raise BadPemError("a certificate in it is damaged")


def check_private_key(text: str) -> None:
    """Raise `BadPemError` unless there is a private key."""
    if not text.strip():
        raise BadPemError("it is empty")
    if not any(label.endswith("PRIVATE KEY") for label, _ in _blocks(text)):
        raise BadPemError("there is no private key (PEM) in it")


def check_named(entry: JsonObject, key: str, read: Callable[[str], str]) -> None:
    """Judge what a cluster or user of a kubeconfig names under `key` (a file, which `read` gives) or `key`-data.

    Data goes before the file unless it is empty, as in kubectl. Raises `BadPemError`, which names the key, and whatever
    `read` raises.
    """
    data, path = entry.get(f"{key}-data"), entry.get(key)
    if not data and key not in entry and f"{key}-data" not in entry:
        return
    from_file = not data and bool(path)
    try:
        content = _read(path, read) if from_file else _decoded(data)
        (check_private_key if key == KEY else check_certificates)(content)
    except BadPemError as error:
        place = key if from_file or f"{key}-data" not in entry else f"{key}-data"
        raise BadPemError(f"its {place} cannot be used: {error}") from None


def _read(path: JsonValue, read: Callable[[str], str]) -> str:
    if not isinstance(path, str):
        raise BadPemError("it is no path")
    return read(path)


def _decoded(data: JsonValue) -> str:
    if not data:
        return ""
    try:
        whole = base64.b64decode("".join(data.split()) if isinstance(data, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise BadPemError("it is not base64") from None
    return whole.decode("ascii", "ignore")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for found in _BLOCK.finditer(text):
        yield found["label"], found["body"]


def _is_sequence(body: str) -> bool:
    """Whether it is base64 of one whole DER sequence; what stands behind it is a trusted certificate's own."""
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(der) < 4 or der[0] != _SEQUENCE:
        return False
    first = der[1]
    if first < 0x80:
        return len(der) >= 2 + first
    octets = first & 0x7F
    return octets <= 4 and len(der) >= 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")
