"""`verify` of a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import ConfigErrors
from gitopsd.ports.sources import Verification, VerifyMode
from tests.config.writing import LOCAL, loaded

SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqH1JTVmLvRGLVqJdJdXKLyuJcFZHRKXn2RUEAsmrEw"
PGP = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"


def _verify(folder: Path, text: str, **files: str) -> Verification | None:
    main = f"{LOCAL}repositories:\n  - {{url: 'https://h/a.git', {text}}}\n"
    (access,) = loaded(folder, main, **files).repositories
    return access.verify


def test_keys_of_both_kinds_inline_and_from_files(tmp_path: Path) -> None:
    found = _verify(
        tmp_path,
        f"verify: {{mode: strict, keys: ['{SSH} who', {{file: keys}}, {{file: asc}}]}}",
        keys=f"# team\n{SSH}\n",
        asc=PGP,
    )
    assert found is not None
    assert found.mode is VerifyMode.STRICT
    assert [key.split()[0] for key in found.keys] == ["ssh-ed25519", "#", "-----BEGIN"]


def test_head_is_the_default_and_nothing_is_demanded_without_the_key(tmp_path: Path) -> None:
    assert _verify(tmp_path, f"verify: {{keys: ['{SSH}']}}") == Verification(VerifyMode.HEAD, (SSH,))
    assert _verify(tmp_path, "verify: {mode: none}") == Verification(VerifyMode.NONE)
    assert _verify(tmp_path, "depth: 1") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("verify: {mode: head}", "trusts no key"),
        ("verify: {keys: []}", "trusts no key"),
        (f"depth: 2, verify: {{mode: strict, keys: ['{SSH}']}}", "depth does not go with verify.mode strict"),
        ("verify: {keys: ['ssh-dss AAAAB3NzaC1kc3M=']}", "keys[0] is no public key"),
        (f"verify: {{keys: ['{SSH}', 'ssh-rsa {SSH.split()[1]}']}}", "keys[1] is no public key"),
        ("verify: {keys: ['4AEE18F83AFDEB23']}", "keys[0] is no public key"),
        ("verify: {keys: ['-----BEGIN PGP PRIVATE KEY BLOCK-----']}", "keys[0] is no public key"),
        (f"type: helm, verify: {{keys: ['{SSH}']}}", "verify has no meaning here"),
    ],
)
def test_U3_a_demand_that_nothing_could_meet_is_a_configuration_error(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        _verify(tmp_path, text)
    assert why in str(caught.value)
