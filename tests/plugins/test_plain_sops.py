"""Without the engine nothing is decrypted, and what is encrypted is not applied as it stands."""

from __future__ import annotations

import pytest

from gitopsd.core.errors import RenderError
from gitopsd_plain.documents import read_manifests

OBJECT = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: 'ENC[x]'}\n"


def test_what_sops_encrypted_is_refused_without_the_engine() -> None:
    sops = "sops: {mac: 'ENC[x]', lastmodified: '2026-01-02T03:04:05Z', version: 3.13.3, age: []}\n"
    with pytest.raises(RenderError, match="needs the render engine") as caught:
        read_manifests(f"{OBJECT}---\n{OBJECT}{sops}".encode(), "a.yaml", [])
    assert caught.value.where == "a.yaml:6"
    assert len(read_manifests(f"{OBJECT}sops: {{version: 1}}\n".encode(), "a.yaml", [])) == 1
