"""Keys and files as SOPS makes them, by the SOPS library itself (sops/sealing)."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.gobuild import fingerprint
from tools.golang import ROOT, find_go, program


@dataclass(frozen=True, slots=True)
class Key:
    """What decrypts, what encrypts, and the name by which files know it (age1…, a fingerprint)."""

    private: str = field(repr=False)
    public: str
    name: str


def age_keys(count: int) -> list[Key]:
    """New age keys."""
    return [Key(**each) for each in _asked({"age": count})["age"]]


def pgp_key(passphrase: str = "") -> Key:
    """A new PGP key."""
    return Key(**_asked({"pgp": [passphrase]})["pgp"][0])


def seal(
    content: str | bytes,
    *,
    syntax: str = "yaml",
    age: Sequence[Key] = (),
    pgp: Sequence[Key] = (),
    vault: Sequence[str] = (),
    encrypted_regex: str = "",
) -> bytes:
    """`content` encrypted for the keys. `vault` are URIs of transit keys."""
    wanted = {
        "format": syntax,
        "content_base64": base64.b64encode(content.encode() if isinstance(content, str) else content).decode(),
        "age": [key.public for key in age],
        "pgp": [key.public for key in pgp],
        "vault": list(vault),
        "encrypted_regex": encrypted_regex,
    }
    return base64.b64decode(_asked({"files": [wanted]})["files"][0])


def _asked(wanted: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run([_command()], input=json.dumps(wanted), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@functools.cache
def _command() -> Path:
    """Built once per content of the module."""
    one = program("sops")
    go = find_go([one])
    kept = ROOT / ".build" / f"seal-{fingerprint(one, go)}"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}.part")
        told = go.run(one, "build", *one.flags, "-ldflags=-s -w", "-o", str(fresh), "./sealing/seal")
        assert told.returncode == 0, told.stdout
        for old in kept.parent.glob("seal-*[0-9a-f]"):
            old.unlink(missing_ok=True)
        fresh.replace(kept)
    return kept
