"""U3: commits that nobody whom we trust signed are refused, each for its own reason."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import anyio
import pytest
from pysequoia import SignatureMode, Tsk
from pysequoia import sign as pgp_sign

from gitopsd.core.errors import SourceError
from gitopsd.ports.sources import RepositoryAccess, Verification, VerifyMode
from gitopsd.sources.git import GitSources
from gitopsd.testing.gitserver import GitRepo, new_key

Signer = Callable[[bytes], bytes]
PERSON = "tester <tester@example.org> 1767225600 +0000"


class SshKey:
    def __init__(self, path: Path, kind: str) -> None:
        new_key(path, kind)
        self.path = path
        self.public = path.with_suffix(".pub").read_text()

    def sign(self, data: bytes, namespace: str = "git") -> bytes:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.path)],
            input=data,
            capture_output=True,
            check=True,
        )
        return done.stdout


class PgpKey:
    def __init__(self, name: str) -> None:
        self.secret = Tsk.generate(f"{name} <{name}@example.org>")
        self.public = str(self.secret.extract_certificate())

    def sign(self, data: bytes) -> bytes:
        return pgp_sign(self.secret.signer(), data, mode=SignatureMode.DETACHED)


@pytest.fixture(scope="module")
def pgp() -> PgpKey:
    return PgpKey("release")


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return SshKey(tmp_path_factory.mktemp("key") / "ed25519", "ed25519")


@pytest.fixture(params=["pgp", "ssh"])
def key(request: pytest.FixtureRequest, pgp: PgpKey, ssh: SshKey) -> PgpKey | SshKey:
    """Each kind of key in turn."""
    return pgp if request.param == "pgp" else ssh


def _payload(repo: GitRepo, message: str, parents: Sequence[str] = ()) -> bytes:
    lines = [f"tree {repo.git('rev-parse', 'main^{tree}')}", *(f"parent {parent}" for parent in parents)]
    return "\n".join([*lines, f"author {PERSON}", f"committer {PERSON}", "", f"{message}\n"]).encode()


def _commit(repo: GitRepo, signer: Signer | None, message: str = "m", parents: Sequence[str] = ()) -> str:
    """A commit at the tip of main; what the signer gives stands in its header."""
    payload = _payload(repo, message, parents)
    signature = signer(payload) if signer is not None else None
    if signature is not None:
        head, _, rest = payload.partition(b"\n\n")
        payload = head + b"\ngpgsig " + b"\n ".join(signature.rstrip(b"\n").split(b"\n")) + b"\n\n" + rest
    commit = repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=payload)
    repo.git("update-ref", "refs/heads/main", commit)
    return commit


def _tag(repo: GitRepo, name: str, commit: str, signer: Signer | None, *, ref: str = "", inner: str = "") -> None:
    payload = f"object {commit}\ntype commit\ntag {inner or name}\ntagger {PERSON}\n\na tag\n".encode()
    signature = signer(payload) if signer is not None else b""
    tag = repo.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=payload + signature)
    repo.git("update-ref", f"refs/tags/{name}", tag)


def _access(repo: GitRepo, *keys: str, mode: VerifyMode = VerifyMode.HEAD) -> RepositoryAccess:
    return RepositoryAccess(repo.url, verify=Verification(mode, keys))


async def _sources(
    stack: AsyncExitStack, folder: Path, repo: GitRepo, *keys: str, mode: VerifyMode = VerifyMode.HEAD
) -> GitSources:
    return await stack.enter_async_context(GitSources(folder=folder, repositories=[_access(repo, *keys, mode=mode)]))


async def _found(sources: GitSources, repo: GitRepo, revision: str = "main") -> str:
    await sources.refs(repo.url, fresh=True)
    return await sources.commit(repo.url, revision)


async def _why(sources: GitSources, repo: GitRepo, revision: str = "main") -> str:
    with pytest.raises(SourceError, match="the signature is refused") as caught:
        await _found(sources, repo, revision)
    return caught.value.why


async def test_a_commit_of_a_listed_key_is_found_also_by_its_id(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: PgpKey | SshKey
) -> None:
    commit = _commit(repo, key.sign)
    sources = await _sources(stack, tmp_path, repo, PgpKey("first").public, key.public)
    assert await _found(sources, repo) == commit
    assert await _found(sources, repo, commit) == commit
    assert await _found(sources, repo, commit[:9]) == commit


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_other_kinds_of_ssh_keys(kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    own = SshKey(tmp_path / kind, kind)
    commit = _commit(repo, own.sign)
    sources = await _sources(stack, tmp_path / "state", repo, own.public)
    assert await _found(sources, repo) == commit


async def test_U3_missing_empty_and_broken_signatures_are_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, pgp: PgpKey, ssh: SshKey
) -> None:
    sources = await _sources(stack, tmp_path, repo, ssh.public, pgp.public)
    reasons = {
        "is not signed": None,
        "has an empty signature": lambda _: b"",
        "neither OpenPGP's nor SSH's": lambda _: b"yes, it is me",
        "cannot be read": lambda data: ssh.sign(data)[:-60] + b"\n-----END SSH SIGNATURE-----",
    }
    for expected, signer in reasons.items():
        _commit(repo, signer, message=expected)
        assert expected in await _why(sources, repo)
    for kind in (b"PGP", b"SSH"):
        for junk in (b"", b"\n\nAAAA", b"\n\nwsBzBAABCAAdFiEE"):
            armour = b"-----BEGIN %s SIGNATURE-----%s\n-----END %s SIGNATURE-----" % (kind, junk, kind)
            _commit(repo, partial(_always, armour))
            assert "cannot be read" in await _why(sources, repo)


def _always(signature: bytes, _: bytes) -> bytes:
    return signature


async def test_U3_a_signature_by_another_key_is_refused_with_its_fingerprint(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, pgp: PgpKey, ssh: SshKey
) -> None:
    other, stranger = SshKey(tmp_path / "other", "ed25519"), PgpKey("other")
    sources = await _sources(stack, tmp_path / "state", repo, ssh.public, pgp.public)
    _commit(repo, other.sign)
    why = await _why(sources, repo)
    assert "not among verify.keys" in why
    assert "SHA256:" in why
    _commit(repo, stranger.sign)
    assert "not among verify.keys" in await _why(sources, repo)

    sources.reconfigure([_access(repo, other.public, stranger.public)])
    assert await _found(sources, repo) == repo.git("rev-parse", "main")


async def test_U3_a_signature_of_another_commit_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: PgpKey | SshKey
) -> None:
    sources = await _sources(stack, tmp_path, repo, key.public)
    _commit(repo, lambda _: key.sign(_payload(repo, "another message")))
    assert "was made for something else" in await _why(sources, repo)


async def test_U3_an_ssh_signature_for_another_purpose_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey
) -> None:
    sources = await _sources(stack, tmp_path, repo, ssh.public)
    _commit(repo, lambda data: ssh.sign(data, "file"))
    assert "another purpose than git" in await _why(sources, repo)


async def test_U3_two_signatures_are_refused(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey) -> None:
    sources = await _sources(stack, tmp_path, repo, ssh.public)
    _commit(repo, lambda data: ssh.sign(data).rstrip() + b"\x00gpgsig-twice")
    commit = repo.git("cat-file", "commit", "main").encode() + b"\n"
    first, _, rest = commit.partition(b"\ngpgsig ")
    twice = first + b"\ngpgsig x\nencoding UTF-8\ngpgsig " + rest
    oid = repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=twice)
    repo.git("update-ref", "refs/heads/main", oid)
    assert "more than one signature" in await _why(sources, repo)


async def test_U3_nothing_of_the_commit_gets_in_when_it_is_refused_and_the_key_helps_without_a_restart(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey, pgp: PgpKey
) -> None:
    commit = _commit(repo, pgp.sign)
    sources = await _sources(stack, tmp_path, repo, ssh.public)
    await _why(sources, repo)
    sources.reconfigure([_access(repo, ssh.public, pgp.public)])
    assert await _found(sources, repo) == commit
    sources.reconfigure([_access(repo, ssh.public)])
    await _why(sources, repo)


async def test_an_annotated_tag_answers_for_its_commit(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: PgpKey | SshKey
) -> None:
    commit = _commit(repo, None)
    sources = await _sources(stack, tmp_path, repo, key.public)
    assert "is not signed" in await _why(sources, repo)
    _tag(repo, "v1.0.0", commit, key.sign)
    assert await _found(sources, repo, "v1.0.0") == commit
    assert await _found(sources, repo, "1.x") == commit
    assert "is not signed" in await _why(sources, repo, "main")
    repo.git("tag", "light", commit)
    assert "is not signed" in await _why(sources, repo, "light")


async def test_U3_a_tag_that_was_signed_for_another_name_or_with_another_key_is_refused(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: PgpKey | SshKey
) -> None:
    commit = _commit(repo, key.sign)
    sources = await _sources(stack, tmp_path, repo, key.public)
    _tag(repo, "v2", commit, key.sign, inner="v1")
    assert "another commit or name" in await _why(sources, repo, "v2")
    _tag(repo, "v3", commit, PgpKey("other").sign)
    assert "not among verify.keys" in await _why(sources, repo, "v3")
    _tag(repo, "v4", commit, None)
    assert await _found(sources, repo, "v4") == commit  # the commit answers for itself


async def test_a_moved_tag_is_verified_anew(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey) -> None:
    good = _commit(repo, None, "one")
    _tag(repo, "v1", good, ssh.sign)
    sources = await _sources(stack, tmp_path, repo, ssh.public)
    assert await _found(sources, repo, "v1") == good
    bad = _commit(repo, None, "two")
    _tag(repo, "v1", bad, None)
    assert bad[:12] in await _why(sources, repo, "v1")


async def test_strict_wants_every_ancestor_back_to_a_seal(
    tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, key: PgpKey | SshKey
) -> None:
    unsigned = repo.git("rev-parse", "main")
    first = _commit(repo, key.sign, "first", [unsigned])
    sources = await _sources(stack, tmp_path, repo, key.public, mode=VerifyMode.STRICT)
    assert unsigned[:12] in await _why(sources, repo)

    sealed = _commit(repo, key.sign, "second\n\nArgocd-gpg-seal: all before was looked at", [first])
    assert await _found(sources, repo) == sealed
    after = _commit(repo, key.sign, "third", [sealed])
    assert await _found(sources, repo) == after

    side = _commit(repo, None, "side\n\nArgocd-gpg-seal: a seal that nobody signed is none", [sealed])
    merged = _commit(repo, key.sign, "merge", [after, side])
    assert side[:12] in await _why(sources, repo)
    sources.reconfigure([_access(repo, key.public, mode=VerifyMode.HEAD)])
    assert await _found(sources, repo) == merged


async def test_strict_back_to_the_beginning(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey) -> None:
    root = _commit(repo, ssh.sign, "root")
    tip = _commit(repo, ssh.sign, "tip", [root])
    sources = await _sources(stack, tmp_path, repo, ssh.public, mode=VerifyMode.STRICT)
    assert await _found(sources, repo) == tip


async def test_none_and_no_demand_look_at_nothing(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    sources = await _sources(stack, tmp_path, repo, mode=VerifyMode.NONE)
    assert await _found(sources, repo) == repo.git("rev-parse", "main")


async def test_a_key_that_cannot_be_used_says_so(tmp_path: Path, stack: AsyncExitStack, repo: GitRepo) -> None:
    sources = await _sources(stack, tmp_path, repo, "ssh-dss AAAAB3NzaC1kc3M= x")
    assert "verify.keys cannot be used" in await _why(sources, repo)


@pytest.mark.parametrize("kind", ["ssh", "openpgp"])
async def test_what_git_itself_signs_is_accepted(
    kind: str, tmp_path: Path, stack: AsyncExitStack, repo: GitRepo, ssh: SshKey
) -> None:
    if kind == "ssh":
        public, settings = ssh.public, ["-c", "gpg.format=ssh", "-c", f"user.signingkey={ssh.path}"]
    else:
        own = Tsk.generate("git <git@example.org>")
        public = str(own.extract_certificate())
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        if shutil.which("gpg") is None:
            pytest.skip("GnuPG is not installed")
        await anyio.run_process(["gpg", "--homedir", str(home), "--batch", "--import"], input=str(own).encode())
        program = tmp_path / "gpg"
        program.write_text(f'#!/bin/sh\nexec gpg --homedir {home} --batch "$@"\n')
        program.chmod(0o700)
        settings = ["-c", f"gpg.program={program}", "-c", f"user.signingkey={own.extract_certificate().fingerprint}"]
    tree = repo.git("rev-parse", "main^{tree}")
    commit = repo.git(*settings, "commit-tree", "-S", tree, "-m", "by git")
    repo.git("update-ref", "refs/heads/main", commit)
    repo.git(*settings, "tag", "-s", "-m", "by git", "v1", commit)
    sources = await _sources(stack, tmp_path / "state", repo, public)
    assert await _found(sources, repo) == commit
    assert await _found(sources, repo, "v1") == commit
