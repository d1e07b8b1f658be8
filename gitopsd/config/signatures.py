"""`verify` of a repository: whose signatures its commits need."""

from __future__ import annotations

import base64
import binascii
import re

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.models.repository import Repository
from gitopsd.config.validation import shown_path
from gitopsd.ports.sources import Verification, VerifyMode

_OPENPGP = re.compile(r"\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\s.*-----END PGP PUBLIC KEY BLOCK-----\s*", re.DOTALL)
_SSH = re.compile(r"(?P<kind>ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) (?P<key>[A-Za-z0-9+/]+=*)(?: .*)?")


def verification(model: Repository, document: Document, path: KeyPath, problems: Problems) -> Verification | None:
    """What is demanded, after noting keys that are none and modes that do not fit."""
    verify = model.verify
    if verify is None:
        return None
    mode = VerifyMode(verify.mode)
    for index, key in enumerate(verify.keys):
        if not _is_public_key(key):
            place = (*path, "verify", "keys", index)
            problems.add(
                document.position(place),
                f"{shown_path(place)} is no public key",
                why="expected an armoured OpenPGP public key, or lines like `ssh-ed25519 AAAA…` of public SSH keys",
            )
    if mode is not VerifyMode.NONE and not verify.keys:
        _note(document, (*path, "verify"), problems, "trusts no key", "expected at least one under keys")
    if mode is VerifyMode.STRICT and model.depth:
        _note(document, (*path, "depth"), problems, "does not go with verify.mode strict", "it needs the whole history")
    return Verification(mode, tuple(verify.keys))


def _is_public_key(text: str) -> bool:
    if "-----BEGIN" in text:
        return _OPENPGP.fullmatch(text) is not None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(_is_ssh_key(line) for line in lines)


def _is_ssh_key(line: str) -> bool:
    found = _SSH.fullmatch(line)
    if found is None:
        return False
    try:
        blob = base64.b64decode(found["key"], validate=True)
    except binascii.Error:
        return False
    kind = found["kind"].encode()
    return blob.startswith(len(kind).to_bytes(4, "big") + kind)


def _note(document: Document, place: KeyPath, problems: Problems, what: str, why: str) -> None:
    problems.add(document.position(place, key=True), f"{shown_path(place)} {what}", why=why)
